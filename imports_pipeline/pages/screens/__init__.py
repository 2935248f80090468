"""The screens, a module for each. Importing a module registers its pages."""
