#!/usr/bin/env python3
"""Writes the dashboards of panels.py: for Grafana (*.json here) and as Prometheus' console templates, which need nothing
but Prometheus (../prometheus/consoles). With --check it only says whether they are as panels.py has them."""
import json
import pathlib
import sys

from panels import DASHBOARDS

HERE = pathlib.Path(__file__).resolve().parent
CONSOLES = HERE.parent / "prometheus" / "consoles"
SOURCE = {"type": "prometheus", "uid": "systole-prometheus"}
GRAFANA_UNITS = {"s": "s", "h": "h", "B": "bytes", "%": "percent", "share": "percentunit", "rows/s": "rowsps", "1/s": "cps"}


def grafana_query(expression):
    return expression.replace("JOB", "$job").replace("WINDOW", "$__rate_interval")


def grafana_panel(number, kind, title, unit, queries, place, about=""):
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none"} if kind == "stat" else \
        {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {
        "id": number, "type": kind, "title": title, "description": about, "datasource": SOURCE, "gridPos": place,
        "fieldConfig": {"defaults": {"unit": GRAFANA_UNITS.get(unit, "short")}, "overrides": []}, "options": options,
        "targets": [{"refId": chr(65 + i), "datasource": SOURCE, "expr": grafana_query(expression), "legendFormat": legend}
                    for i, (expression, legend) in enumerate(queries)],
    }


def grafana(board):
    panels, y = [], 0
    width = 24 // len(board["numbers"])
    for i, (title, unit, expression) in enumerate(board["numbers"]):
        panels.append(grafana_panel(len(panels) + 1, "stat", title, unit, [(expression, "")], {"x": i * width, "y": y, "w": width, "h": 4}))
    y += 4
    for name, row in board["rows"]:
        panels.append({"id": len(panels) + 1, "type": "row", "title": name, "collapsed": False, "panels": [], "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        y += 1
        for i, (title, unit, queries, about) in enumerate(row):
            place = {"x": 8 * (i % 3), "y": y + 8 * (i // 3), "w": 8, "h": 8}
            panels.append(grafana_panel(len(panels) + 1, "timeseries", title, unit, queries, place, about))
        y += 8 * ((len(row) + 2) // 3)
    return json.dumps({
        "uid": board["uid"], "title": board["title"], "tags": ["systole"], "editable": False, "schemaVersion": 37, "version": 1,
        "refresh": "15s", "time": {"from": "now-1h", "to": "now"}, "timezone": "",
        "templating": {"list": [{"name": "job", "label": "Job", "type": "query", "datasource": SOURCE, "query": board["variable"],
                                 "refresh": 2, "multi": True, "includeAll": True, "allValue": ".+",
                                 "current": {"text": "All", "value": "$__all"}}]},
        "panels": panels,
    }, indent=1, ensure_ascii=False) + "\n"


def console_query(expression):
    return expression.replace('"JOB"', "'{{ $job }}'").replace('"', "'").replace("WINDOW", "1m")


UNITS = {"share": "", "rows/s": "/s", "1/s": "/s", "rows": "", "beds": "", "threads": ""}

GRAPH = """function graph(number, formatter, unit, title, expr, name) {
  const format = PromConsole.NumberFormatter[formatter];
  new PromConsole.Graph({node: document.querySelector("#graph" + number), expr: expr, name: name, yAxisFormatter: format,
    yHoverFormatter: format, yUnits: unit, yTitle: title, height: 160, min: 0});
}"""


def console(board):
    out = ['{{ template "head" . }}', '{{ template "prom_content_head" . }}', '{{ $job := or .Params.job_name ".+" }}',
           f'<h1>{board["title"]}</h1>', "<p>Jobs: <a href=\"?\">all</a>",
           '{{ range query "count by (job_name) (systole_job_state)" | sortByLabel "job_name" }}'
           ' &middot; <a href="?job_name={{ .Labels.job_name }}">{{ .Labels.job_name }}</a>{{ end }}</p>',
           '<table class="table table-bordered table-sm" style="width: auto">']
    heads = "".join(f"<th>{title}</th>" for title, _, _ in board["numbers"])
    cells = "".join(f'<td>{{{{ with query (printf "{console_query(expression).replace("{{ $job }}", "%s").replace("%", "%%").replace("%%s", "%s")}"'
                    + " $job" * expression.count("JOB") + f') }}}}{{{{ . | first | value | humanize }}}}{unit}{{{{ else }}}}-{{{{ end }}}}</td>'
                    for _, unit, expression in board["numbers"])
    out += [f"<tr>{heads}</tr>", f'<tr class="systole-numbers">{cells}</tr>', "</table>"]
    number, graphs = 0, []
    for name, row in board["rows"]:
        out.append(f"<h2>{name}</h2>")
        out.append('<div class="row">')
        for title, unit, queries, about in row:
            number += 1
            shown = UNITS.get(unit, unit)
            formatter = "humanize1024" if unit == "B" else "humanize"
            names = [legend.replace("{{", "[[ ").replace("}}", " ]]") for _, legend in queries]
            expressions = ", ".join(f'"{console_query(expression)}"' for expression, _ in queries)
            out.append(f'<div class="col-md-6"><h3 title="{about}">{title}</h3><div id="graph{number}"></div></div>')
            graphs.append(f'graph({number}, "{formatter}", "{shown}", "{unit or title}", [{expressions}], {json.dumps(names)});')
        out.append("</div>")
    return "\n".join(out + ["<script>", GRAPH] + graphs + ["</script>", '{{ template "prom_content_tail" . }}', '{{ template "tail" }}']) + "\n"


def main():
    wrong = []
    for board in DASHBOARDS:
        for path, text in ((HERE / f"{board['file']}.json", grafana(board)), (CONSOLES / f"systole-{board['file']}.html", console(board))):
            if "--check" not in sys.argv:
                path.write_text(text)
            elif not path.exists() or path.read_text() != text:
                wrong.append(str(path))
    if wrong:
        sys.exit("not as panels.py has them, run deploy/dashboards/make.py: " + ", ".join(wrong))


main()
