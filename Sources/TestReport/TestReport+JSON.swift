import Host
import JSON

extension TestReport {
    /// The number of the form of JSON that is written and read here.
    public static let format: UInt64 = 1

    /// The report as an object of JSON, from which it can be read again exactly.
    ///
    /// Sizes are in bytes and times in milliseconds, but for `started-microseconds`, since 1970. `started` and `summary`
    /// repeat for people and scripts what stands elsewhere, and are not read. Each case has
    /// - `scenario`, `about`, `file`, `seed`, `begun` (since the run began), `milliseconds`, `devices`, `kernel-log` and
    ///   `console`,
    /// - `matrix`, objects with `name` and `value`,
    /// - `outcome`, which is `passed`, `failed` or `skipped`; with the latter two a `failure` (`kind`, `message`, `at`, and
    ///   `line` where there is one) or a `reason`; where a case passed because it failed as it has to, a
    ///   `foreseen-failure`,
    /// - `steps`, objects with `number`, `text`, `line`, `outcome`, `begun` (since the case began) and `milliseconds`,
    /// - `measurements`, objects with `name`, `value` and `unit` (`bytes`, `seconds` or `count`); a value that is not
    ///   finite is the word `infinity`, `-infinity` or `nan`,
    /// - `samples`, as there are many of them, arrays: `[at, [[requested, plugged, usable], …], guest-total, guest-free,
    ///   resident]`, with null for what is not known, and no devices where the machine did not answer.
    public var json: JSONValue {
        .object(head + [JSONValue.Member("cases", .array(cases.map(\.json)))])
    }

    /// The report as text in UTF-8: each member of the object is on a line of its own, and so is each case.
    public var jsonText: [UInt8] {
        var text = Array("{\n".utf8)
        for member in head {
            // An object's text without its braces.
            text += "  ".utf8 + JSONValue.object([member]).text.dropFirst().dropLast() + ",\n".utf8
        }
        text += "  \"cases\": [".utf8
        for (index, testCase) in cases.enumerated() {
            text += (index == 0 ? "\n    " : ",\n    ").utf8 + testCase.json.text
        }
        return text + "\n  ]\n}\n".utf8
    }

    /// Reads a report from text in UTF-8.
    ///
    /// - Throws: `TestReportError`, which says what is wrong and where.
    public init(parsing text: [UInt8]) throws(TestReportError) {
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONParser.parse(text[...])
        } catch {
            throw TestReportError(path: "", problem: "\(error)")
        }
        try self.init(json: json)
    }

    /// Reads a report from what `json` made of it. Members that are not known here are left alone.
    ///
    /// - Throws: `TestReportError`, which says what is wrong and where.
    public init(json: JSONValue) throws(TestReportError) {
        let reader = ReportReader(value: json, path: "")
        let format = try reader.member("format")
        guard try format.unsigned() == Self.format else {
            throw format.error(
                "\(try format.unsigned()) is not a form that this version reads, which is \(Self.format)")
        }
        version = try reader.member("version").string()
        host = try TestHost(reader.member("host"))
        started = try reader.member("started-microseconds").unsigned()
        milliseconds = try reader.member("milliseconds").unsigned()
        seed = try reader.member("seed").unsigned()
        cases = try reader.member("cases").elements().map { (element) throws(TestReportError) in
            try CaseReport(element)
        }
    }

    /// All but the cases.
    private var head: [JSONValue.Member] {
        [
            JSONValue.Member("format", .number(Self.format)),
            JSONValue.Member("version", .string(version)),
            JSONValue.Member("host", host.json),
            JSONValue.Member("started", .string(UTCTime(microseconds: started).description)),
            JSONValue.Member("started-microseconds", .number(started)),
            JSONValue.Member("milliseconds", .number(milliseconds)),
            JSONValue.Member("seed", .number(seed)),
            JSONValue.Member(
                "summary",
                ["passed": .number(passedCount), "failed": .number(failedCount), "skipped": .number(skippedCount)]),
        ]
    }
}

extension TestHost {
    var json: JSONValue {
        ["emulated": .boolean(isEmulated), "kernel": .string(kernel), "processor": .string(processor)]
    }

    init(_ reader: ReportReader) throws(TestReportError) {
        self.init(
            isEmulated: try reader.member("emulated").boolean(), kernel: try reader.member("kernel").string(),
            processor: try reader.member("processor").string())
    }
}
