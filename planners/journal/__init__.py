"""The journal: what makes a run survive a kill, a reboot and a week's wait for a person."""
