"""Property tests of the translators: never judged by the clock of a busy machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "translators", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("translators")
