"""Reading the chart: indicators and structure over arrays and bar by bar."""
