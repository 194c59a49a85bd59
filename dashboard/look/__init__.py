"""How the console looks: palette, stylesheet, escaped markup and charts."""
