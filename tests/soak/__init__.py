"""Payment channels under kill -9: many customers, one shop, a seeded axe, and a balance to the base unit.

python -m tests.soak --channels 50 --vouchers 10000 --kills 60 --seed 1
"""
