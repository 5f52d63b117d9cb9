"""Payment rails: one package each, with a payer half and a payee half.

`base` says what a half is; nothing outside a rail's own package knows more about it than that.
"""
