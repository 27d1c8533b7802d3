import Testing

@testable import Scenario

/// What figures are compared with.
struct FigureTests {
    private static let figures: [String: Double] = ["vm0.plugged": 0x1p30, "vm0.requested": 0x1p31, "before": 100]

    private func value(_ text: String) throws -> Double? {
        try Expression(parsing: text).value { Self.figures["\($0)"] }
    }

    /// (text, its value)
    @Test(arguments: [
        ("0", 0), ("1.5G", 1.5 * 0x1p30), ("2M", 0x1p21), ("3K", 3072), ("1T", 0x1p40), ("5s", 5), ("1500ms", 1.5),
        ("2m", 120),
        ("vm0.plugged", 0x1p30), ("vm0.requested - vm0.plugged", 0x1p30), ("1G + 1M - 1K", 0x1p30 + 0x1p20 - 1024),
        ("50% of vm0.requested", 0x1p30), ("before + 12.5% of before", 112.5), ("  7  ", 7),
    ])
    func sumsAreReckoned(text: String, expected: Double) throws {
        #expect(try value(text) == expected)
    }

    @Test func whatIsNotKnownIsNoValue() throws {
        #expect(try value("1 + other") == nil)
    }

    @Test(arguments: ["", " ", "1 2", "1 + ", "+ 1", "1 * 2", "% of before", "50% before", "1e999", "a.b.c.d", "vm0."])
    func whatIsNoSumIsRefused(text: String) {
        #expect(throws: ParseFailure.self) { try Expression(parsing: text) }
    }

    /// (comparison, values that satisfy it, values that don't)
    @Test(
        arguments: [
            ("5", [5], [4, 6]), ("== 5", [5], [4]), ("!= 5", [4], [5]), ("<= 5", [4, 5], [6]), (">= 5", [5, 6], [4]),
            ("< 5", [4], [5]), ("> 5", [6], [5]), ("4 .. 6", [4, 5, 6], [3, 7]), ("4..6", [5], [7]),
        ] as [(String, [Double], [Double])])
    func comparisonsHold(text: String, good: [Double], bad: [Double]) throws {
        let comparison = try Comparison(parsing: text)
        for value in good { #expect(comparison.holds(value) { _ in nil } == true) }
        for value in bad { #expect(comparison.holds(value) { _ in nil } == false) }
    }

    @Test func aComparisonNeedsItsFigures() throws {
        let comparison = try Comparison(parsing: "<= before + 1")
        #expect(comparison.holds(101) { Self.figures["\($0)"] } == true)
        #expect(comparison.holds(102) { Self.figures["\($0)"] } == false)
        #expect(comparison.holds(1) { _ in nil } == nil)
        #expect(try Comparison(parsing: "unchanged 5s") == .unchanged(5000))
        #expect(throws: ParseFailure.self) { try Comparison(parsing: "unchanged soon") }
    }

    /// Names are what they were read from.
    @Test(arguments: [
        "vm0.plugged", "all.usable", "guest.MemTotal", "guest.Active(anon)", "guest.node1.MemFree",
        "guest.zone.Movable.managed",
        "guest.blocks.offline", "guest.boots", "host.slots", "host.peak", "events.RESET", "elapsed", "took",
        "before-it",
    ])
    func namesAreRead(name: String) throws {
        #expect("\(try Metric(parsing: name))" == name)
    }

    @Test(arguments: [
        "guest.zone.movable.free", "events.RSET",
        "", ".", "vm0.", ".plugged", "vm0.plugged.x", "guest.node.x", "guest.zone.Movable.x", "host.x", "a b", "1st",
    ])
    func otherNamesAreRefused(name: String) {
        #expect(throws: ParseFailure.self) { try Metric(parsing: name) }
    }

    /// What failures tell beside the sum that was written.
    @Test func sumsAreToldAsFarAsTheyAreKnown() throws {
        func values(_ text: String) throws -> [Double] {
            try Comparison(parsing: text).values { Self.figures["\($0)"] }
        }
        #expect(try values(">= before + 1") == [101])
        #expect(try values("before .. vm0.plugged") == [100, 0x1p30])
        #expect(try values("1 .. other") == [] && values("other") == [])
        #expect(try values("5") == [] && values("1 .. 2") == [] && values("unchanged 5s") == [])
    }
}
