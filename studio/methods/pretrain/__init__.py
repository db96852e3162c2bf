"""The name under which the pocket models' cards know the command that made them; the code is `studio.capabilities.pretrain`."""
