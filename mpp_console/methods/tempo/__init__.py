"""The Tempo rail: TIP-20 transfers that pay a charge, with or without a sponsor, and zero-amount proofs.

Import from the modules; nothing is imported here, so that a table of networks costs no cryptography.
"""
