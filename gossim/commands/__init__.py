"""The commands of `gossim`, one file each. They import what they need when they are run, so that help comes at once."""
