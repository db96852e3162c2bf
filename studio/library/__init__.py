"""What there is to choose from, without torch: models, adapters, ControlNets, methods, remedies, and requests that draw."""
