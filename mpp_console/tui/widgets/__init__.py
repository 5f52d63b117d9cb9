"""What the screens are made of. Widgets draw what they are given and report what was pressed; they fetch nothing."""
