"""The image and the chart: what would run in a cluster, without one."""
