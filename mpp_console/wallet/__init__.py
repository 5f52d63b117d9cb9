"""Accounts and their keys, what they hold, how they are funded, and transfers by hand.

Import the parts by their modules: `accounts`, `account_models`, `keystore`, `key_files`, `keyring_store`, `balances`,
`funding`, `transfers`. Importing this loads nothing.
"""
