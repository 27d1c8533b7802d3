/// The screen of `swiftlet top`: lines of text for machines over the last minute, and for a terminal's size.
public struct TopScreen: Sendable {
    public var columns: Int
    public var rows: Int
    /// Whether devices have lines of their own; nil where they shall as long as all lines fit.
    public var showsDevices: Bool?
    /// The first line of machines and devices that is shown.
    private var offset = 0
    private var showedDevices = false
    private let text: TerminalText
    private let sparkline: Sparkline

    /// The line with the names of the columns.
    public static let headingRow = 1
    /// Lines that are not machines: the sums and the names of the columns above them, the keys below.
    private static let otherRows = 3

    public init(columns: Int, rows: Int, isUTF8: Bool) {
        (self.columns, self.rows) = (columns, rows)
        text = TerminalText(isUTF8: isUTF8)
        sparkline = Sparkline(isUTF8: isUTF8)
    }

    /// Lines of machines and devices that there is room for.
    private var room: Int { max(0, rows - Self.otherRows) }

    /// Does what a key asks for.
    public mutating func perform(_ scroll: TopKey.Scroll) {
        switch scroll {
        case .up: offset -= 1
        case .down: offset += 1
        case .pageUp: offset -= max(1, room)
        case .pageDown: offset += max(1, room)
        case .home: offset = 0
        case .end: offset = Int(Int32.max)
        }
        offset = max(0, offset)
    }

    /// Shows the devices, or hides them.
    public mutating func toggleDevices() {
        showsDevices = !showedDevices
    }

    /// All lines, from the top, each as wide as the terminal.
    public mutating func lines(of machines: [MachineTrace]) -> [String] {
        let everything = machines.flatMap { rows(of: $0, withDevices: true) }
        showedDevices = showsDevices ?? (everything.count <= room)
        let body = showedDevices ? everything : machines.flatMap { rows(of: $0, withDevices: false) }
        offset = min(offset, max(0, body.count - room))
        let shown = body[offset..<min(body.count, offset + room)]

        let layout = TopColumns(columns: columns, names: ["NAME"] + body.map(\.name))
        var lines = [sums(of: machines), layout.heading(text)]
        lines += shown.map { layout.line($0, text, sparkline) }
        if machines.isEmpty {
            lines.append("no machine that has a name runs; 'swiftlet run --name NAME' gives one")
        }
        lines = Array(lines.prefix(max(0, rows - 1)))
        lines += Array(repeating: "", count: max(0, rows - 1 - lines.count))
        lines.append(keys(above: offset, below: body.count - offset - shown.count))
        return lines.prefix(rows).map { text.fitted($0, columns) }
    }

    private func sums(of machines: [MachineTrace]) -> String {
        func sum(_ trace: KeyPath<MemoryTrace, Trace>) -> String {
            ShortSize.text(machines.reduce(0) { $0 + ($1.memory[keyPath: trace].latest ?? 0) })
        }
        return "swiftlet top: \(machines.count) \(machines.count == 1 ? "machine" : "machines"), \(sum(\.requested))"
            + " requested, \(sum(\.plugged)) plugged, \(sum(\.resident)) resident"
    }

    /// What is hidden comes first: a narrow terminal cuts the end.
    private func keys(above: Int, below: Int) -> String {
        var hidden: [String] = []
        if above > 0 { hidden.append("\(above) more above") }
        if below > 0 { hidden.append("\(below) more below") }
        let scrolling = hidden.isEmpty ? "" : ", arrows scroll"
        let keys = "q quits, d \(showedDevices ? "hides" : "shows") devices\(scrolling)"
        return (hidden.isEmpty ? "" : hidden.joined(separator: ", ") + "; ") + keys
    }

    private func rows(of machine: MachineTrace, withDevices: Bool) -> [TopRow] {
        [TopRow(machine)] + (withDevices ? machine.devices.map { TopRow($0) } : [])
    }
}
