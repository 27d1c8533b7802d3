import JSON

extension MemorySample {
    /// An array, as `TestReport.json` describes it.
    var json: JSONValue {
        [
            .number(at),
            .array(devices.map { [.number($0.requested), .number($0.plugged), .number($0.usable)] }),
            Self.json(guestTotal), Self.json(guestFree), Self.json(resident),
        ]
    }

    private static func json(_ size: UInt64?) -> JSONValue {
        size.map { .number($0) } ?? .null
    }

    /// - Parameter devices: how many memory devices the case has.
    init(_ reader: ReportReader, devices: Int) throws(TestReportError) {
        let parts = try reader.elements()
        guard parts.count == 5 else { throw reader.error("a sample has 5 elements, not \(parts.count)") }
        let amounts = try parts[1].elements()
        guard amounts.isEmpty || amounts.count == devices else {
            throw parts[1].error("the case has \(devices) devices, and this sample \(amounts.count)")
        }
        self.init(
            at: try parts[0].unsigned(),
            devices: try amounts.map { (amount) throws(TestReportError) in try Device(amount) },
            guestTotal: try parts[2].unsignedOrNull(), guestFree: try parts[3].unsignedOrNull(),
            resident: try parts[4].unsignedOrNull())
    }
}

extension MemorySample.Device {
    fileprivate init(_ reader: ReportReader) throws(TestReportError) {
        let sizes = try reader.elements().map { (size) throws(TestReportError) in try size.unsigned() }
        guard sizes.count == 3 else { throw reader.error("a device's sample has 3 sizes, not \(sizes.count)") }
        self.init(requested: sizes[0], plugged: sizes[1], usable: sizes[2])
    }
}
