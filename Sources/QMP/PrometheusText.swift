/// Metrics in Prometheus's text format (exposition format 0.0.4).
struct PrometheusText {
    /// A label with its value.
    typealias Label = (name: String, value: String)

    private(set) var text = ""
    /// What every sample has.
    private let labels: [Label]

    init(labels: [Label]) {
        self.labels = labels
    }

    /// Begins a metric; its samples follow.
    ///
    /// - Parameter type: `counter`, `gauge` or `histogram`.
    mutating func begin(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [Label] = [], _ value: some CustomStringConvertible) {
        let list = (self.labels + labels).map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        text += "\(name){\(list)} \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
