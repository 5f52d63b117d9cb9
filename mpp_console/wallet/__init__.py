"""Accounts and their keys, what they hold, how they are funded, and transfers by hand.

Import the parts by their modules: `accounts`, `keystore`, `balances`, `funding`, `transfers`. Importing this loads
nothing.
"""
