"""The screens, drawn from a seeded console and driven by keys."""
