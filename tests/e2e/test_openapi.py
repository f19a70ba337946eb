"""The OpenAPI document is valid and complete, and the service does what it says."""

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from service.app import create_app
from tests.e2e.test_predict import png
