"""Payment sessions from the payer's side: the channels, how they are managed and how their money comes back."""
