"""Every route of the management API."""

from portal.manage import credit, customers, keys, upstreams, usage

ROUTERS = (customers.router, keys.router, credit.router, upstreams.router, usage.router)
"""Only behind `portal.manage.guard` may they be served."""
