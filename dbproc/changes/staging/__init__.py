"""Files put into users' areas: asked for, placed, taken out again."""
