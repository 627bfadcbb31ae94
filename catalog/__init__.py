"""What the operator declares: domains, providers, upstream accounts, models, prices, groups.

One YAML file becomes one frozen `Catalog`; `CatalogFile` keeps the latest right one while the file
changes.
"""

from catalog.access import DEFAULT_GROUP, Access
from catalog.auth import Identity
from catalog.billing import Billing
from catalog.capabilities import ModelCapabilities
from catalog.catalog import Catalog, Domain
from catalog.fields import RateLimits
from catalog.limits import Cooldown, Limits
from catalog.loading import json_schema, load, parse
from catalog.models import Group, Model, Target
from catalog.prices import Price
from catalog.problems import CatalogError
from catalog.providers import Account, Provider
from catalog.ranks import Way
from catalog.routes import Route
from catalog.surfaces import SURFACES, Surface
from catalog.watch import CatalogFile
from catalog.wires import Wire

__all__ = [
    "DEFAULT_GROUP",
    "SURFACES",
    "Access",
    "Account",
    "Billing",
    "Catalog",
    "CatalogError",
    "CatalogFile",
    "Cooldown",
    "Domain",
    "Group",
    "Identity",
    "Limits",
    "Model",
    "ModelCapabilities",
    "Price",
    "Provider",
    "RateLimits",
    "Route",
    "Surface",
    "Target",
    "Way",
    "Wire",
    "json_schema",
    "load",
    "parse",
]
