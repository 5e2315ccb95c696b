"""What tests need: stand-ins for people, clocks and models, and the conformance suite."""
