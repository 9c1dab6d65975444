"""Models of Amazon Bedrock at full speed, with no call lost to throttling."""

from treadle.nodes.bedrock.models import Parameters, bedrock

__all__ = ["Parameters", "bedrock"]
