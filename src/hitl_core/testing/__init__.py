"""What tests need: stand-ins for people, clocks and models, and the conformance suite.

clock            a clock that only the test moves
humans           people who answer after a while, or late, or twice, or never
scripted_model   an OpenAI-compatible server that plays a script
policy_cases     the cases of a policy as tests of pytest's
pytest_plugin    all of it as fixtures, and the suites below as classes of tests
conformance      every promise of the protocol, tried on an adapter; broken ones prove that it would notice
kills            one run, killed at random places; storm: many processes on one server
overseen         stories of people, each act in a process of its own
crashing         dying at exactly one place; interleaving: being overtaken at one
processes        children of a warm parent; crew: those that go on until they are ended; databases: a store for each
"""
