extension HTMLReport {
    /// A table for each scenario with a matrix.
    var matrices: Markup {
        "\(MatrixTable.tables(of: report.cases).map { $0.columnName == nil ? list($0) : grid($0) })"
    }

    // MARK: Two dimensions and more

    private func grid(_ table: MatrixTable) -> Markup {
        let corner: [Markup] = table.rowNames.map { "<th scope=\"col\" rowspan=\"2\">\($0)</th>" }
        let columns: [Markup] = table.columns.map { "<th scope=\"col\">\($0)</th>" }
        let rows: [Markup] = zip(table.rows, table.cells).map { row, cells in
            let heads: [Markup] = row.map { "<th scope=\"row\">\($0)</th>" }
            return "<tr>\(heads)\(cells.map(cell))</tr>\n"
        }
        return """
            <h2>Matrix of \(table.scenario)</h2>
            <div class="wide"><table class="matrix">
            <thead><tr>\(corner)<th scope="colgroup" colspan="\(table.columns.count)">\(table.columnName ?? "")</th></tr>
            <tr>\(columns)</tr></thead>
            <tbody>
            \(rows)</tbody>
            </table></div>

            """
    }

    private func cell(_ indices: [Int]) -> Markup {
        guard !indices.isEmpty else { return "<td class=\"absent\">not run</td>" }
        let figures: [Markup] = measurements(of: indices).map { "<dt>\($0.name)</dt><dd>\($0.text)</dd>" }
        return """
            <td class="\(worst(indices).rawValue)">\(links(indices))\
            \(figures.isEmpty ? "" : "<dl class=\"figures\">\(figures)</dl>" as Markup)</td>
            """
    }

    // MARK: One dimension

    private func list(_ table: MatrixTable) -> Markup {
        let all = table.cells.joined().joined()
        let names = measurements(of: Array(all)).map(\.name)
        let heads: [Markup] = table.rowNames.map { "<th scope=\"col\">\($0)</th>" }
        let figures: [Markup] = (["took"] + names).map { "<th scope=\"col\" class=\"figure\">\($0)</th>" }
        let rows: [Markup] = zip(table.rows, table.cells).map { row, cells in
            let indices = cells.first ?? []
            let heads: [Markup] = row.map { "<th scope=\"row\">\($0)</th>" }
            let values = measurements(of: indices)
            let took = span(indices.map { Double(report.cases[$0].milliseconds) / 1000 }, .seconds)
            let figures: [Markup] = ([took] + names.map { name in values.first { $0.name == name }?.text ?? "–" }).map {
                "<td class=\"figure\">\($0)</td>"
            }
            return "<tr>\(heads)<td>\(links(indices))</td>\(figures)</tr>\n"
        }
        return """
            <h2>Matrix of \(table.scenario)</h2>
            <div class="wide"><table class="matrix">
            <thead><tr>\(heads)<th scope="col">outcome</th>\(figures)</tr></thead>
            <tbody>
            \(rows)</tbody>
            </table></div>

            """
    }

    // MARK: What a cell says

    private func worst(_ indices: [Int]) -> CaseOutcome.Name {
        let outcomes = indices.map { report.cases[$0].outcome.name }
        return outcomes.contains(.failed) ? .failed : outcomes.contains(.passed) ? .passed : .skipped
    }

    private func links(_ indices: [Int]) -> Markup {
        let links: [Markup] = indices.map {
            """
            <a href="#case-\($0 + 1)" title="\(titles[$0])">\(badge(report.cases[$0].outcome.name))</a>
            """
        }
        return "\(links, separator: " ")"
    }

    /// The figures by name; of cases that were repeated, the least and the greatest.
    private func measurements(of indices: [Int]) -> [(name: String, text: String)] {
        let all = indices.flatMap { report.cases[$0].measurements }
        var names: [String] = []
        for measurement in all where !names.contains(measurement.name) { names.append(measurement.name) }
        return names.map { name in
            let same = all.filter { $0.name == name }
            return (name, span(same.map(\.value), same.first?.unit ?? .count))
        }
    }

    private func span(_ values: [Double], _ unit: CaseReport.Measurement.Unit) -> String {
        guard let least = values.min(), let greatest = values.max() else { return "–" }
        let texts = [least, greatest].map { ReportFormat.value($0, unit) }
        return texts[0] == texts[1] ? texts[0] : "\(texts[0]) – \(texts[1])"
    }
}
