# The words of this package and where each is defined; each is loaded when it is first used.
from .embedded import EmbeddedHost as EmbeddedHost
from .finder import find_host as find_host
from .finder import missing_host as missing_host
from .objectstore import ObjectStoreHost as ObjectStoreHost
from .protocol import Host as Host
from .protocol import PublishedReference as PublishedReference
from .protocol import as_host as as_host
from .remote import RemoteReference as RemoteReference
from .remote import check_address as check_address
from .remote import fetch_reference as fetch_reference
from .remote import must_be_public as must_be_public
