"""Methods that train ControlNets."""
