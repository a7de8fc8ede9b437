"""`cslir bench latency`: whole systems timed and judged, from the text to ten passages."""

from cslir.latency.run import LatencySettings, measure_latency

__all__ = ["LatencySettings", "measure_latency"]
