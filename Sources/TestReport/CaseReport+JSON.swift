import JSON

extension CaseReport {
    /// As `TestReport.json` describes it.
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            JSONValue.Member("scenario", .string(scenario)),
            JSONValue.Member("about", .string(about)),
            JSONValue.Member("file", .string(file)),
            JSONValue.Member("matrix", .array(matrix.map { ["name": .string($0.name), "value": .string($0.value)] })),
            JSONValue.Member("seed", .number(seed)),
            JSONValue.Member("outcome", .string(outcome.name.rawValue)),
        ]
        switch outcome {
        case .passed: break
        case .skipped(let reason): members.append(JSONValue.Member("reason", .string(reason)))
        case .failed(let failure): members.append(JSONValue.Member("failure", failure.json))
        }
        if let foreseen { members.append(JSONValue.Member("foreseen-failure", foreseen.json)) }
        return .object(
            members + [
                JSONValue.Member("begun", .number(begun)),
                JSONValue.Member("milliseconds", .number(milliseconds)),
                JSONValue.Member("steps", .array(steps.map(\.json))),
                JSONValue.Member("measurements", .array(measurements.map(\.json))),
                JSONValue.Member("devices", .array(devices.map(JSONValue.string))),
                JSONValue.Member("samples", .array(samples.map(\.json))),
                JSONValue.Member("kernel-log", .array(kernelLog.map(JSONValue.string))),
                JSONValue.Member("console", .array(console.map(JSONValue.string))),
            ])
    }

    init(_ reader: ReportReader) throws(TestReportError) {
        let devices = try reader.member("devices").strings()
        self.init(
            scenario: try reader.member("scenario").string(), about: try reader.member("about").string(),
            file: try reader.member("file").string(),
            matrix: try reader.member("matrix").elements().map { (element) throws(TestReportError) in
                Setting(try element.member("name").string(), try element.member("value").string())
            },
            seed: try reader.member("seed").unsigned(), outcome: try CaseOutcome(ofCase: reader),
            foreseen: try reader.optional("foreseen-failure").map { (member) throws(TestReportError) in
                try CaseFailure(member)
            },
            begun: try reader.member("begun").unsigned(), milliseconds: try reader.member("milliseconds").unsigned(),
            steps: try reader.member("steps").elements().map { (element) throws(TestReportError) in
                try StepReport(element)
            },
            measurements: try reader.member("measurements").elements().map { (element) throws(TestReportError) in
                try Measurement(element)
            },
            devices: devices,
            samples: try reader.member("samples").elements().map { (element) throws(TestReportError) in
                try MemorySample(element, devices: devices.count)
            },
            kernelLog: try reader.member("kernel-log").strings(), console: try reader.member("console").strings())
    }
}

extension CaseReport.Measurement {
    var json: JSONValue {
        ["name": .string(name), "value": Self.json(value), "unit": .string(unit.rawValue)]
    }

    /// JSON's numbers are finite, and a quotient need not be.
    private static func json(_ value: Double) -> JSONValue {
        value.isFinite ? .double(value) : value.isNaN ? "nan" : value > 0 ? "infinity" : "-infinity"
    }

    init(_ reader: ReportReader) throws(TestReportError) {
        self.init(
            try reader.member("name").string(), try reader.member("value").number(), try reader.member("unit").word())
    }
}

extension CaseOutcome {
    /// Of the case whose members are read.
    init(ofCase reader: ReportReader) throws(TestReportError) {
        switch try reader.member("outcome").word(Name.self) {
        case .passed: self = .passed
        case .skipped: self = .skipped(try reader.member("reason").string())
        case .failed: self = .failed(try CaseFailure(reader.member("failure")))
        }
    }
}

extension CaseFailure {
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            JSONValue.Member("kind", .string(kind.rawValue)), JSONValue.Member("message", .string(message)),
            JSONValue.Member("at", .number(at)),
        ]
        if let line { members.append(JSONValue.Member("line", .number(line))) }
        return .object(members)
    }

    init(_ reader: ReportReader) throws(TestReportError) {
        self.init(
            try reader.member("kind").word(), try reader.member("message").string(),
            line: try reader.optional("line")?.line(), at: try reader.member("at").unsigned())
    }
}

extension StepReport {
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            JSONValue.Member("number", .string(number)), JSONValue.Member("text", .string(text)),
            JSONValue.Member("line", .number(line)), JSONValue.Member("outcome", .string(outcome.rawValue)),
            JSONValue.Member("begun", .number(begun)), JSONValue.Member("milliseconds", .number(milliseconds)),
        ]
        if !output.isEmpty { members.append(JSONValue.Member("output", .string(output))) }
        return .object(members)
    }

    init(_ reader: ReportReader) throws(TestReportError) {
        self.init(
            number: try reader.member("number").string(), text: try reader.member("text").string(),
            line: try reader.member("line").line(), outcome: try reader.member("outcome").word(),
            begun: try reader.member("begun").unsigned(), milliseconds: try reader.member("milliseconds").unsigned(),
            output: try reader.optional("output")?.string() ?? "")
    }
}
