"""What tests of applications need: a Converse server on loopback that fails on demand, and the page.

from treadle.testing import ConverseServer

def test_my_graph(monkeypatch):
    with ConverseServer("Fine.", faults={"throttle": 0.1}) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        ...  # anything that calls Bedrock's Converse API with boto3 now calls this server
"""

from treadle.testing.answers import Answer, Request, Rule
from treadle.testing.mishaps import MISHAPS
from treadle.testing.pages import served
from treadle.testing.servers import ConverseServer, Received

__all__ = ["MISHAPS", "Answer", "ConverseServer", "Received", "Request", "Rule", "served"]
