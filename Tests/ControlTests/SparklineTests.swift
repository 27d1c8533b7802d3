import Control
import Testing

@Suite struct SparklineTests {
    private func trace(_ values: [UInt64?]) -> Trace {
        var trace = Trace()
        values.forEach { trace.append($0) }
        return trace
    }

    private func bars(_ values: [UInt64?], columns: Int = 8, most: UInt64 = 7, isUTF8: Bool = true) -> String {
        Sparkline(isUTF8: isUTF8).text(trace(values), columns: columns, most: most)
    }

    @Test func aBarForEachMomentWhereThereIsRoom() {
        let text = bars((0...7).map { UInt64($0) }, columns: 60)
        #expect(text == String(repeating: " ", count: 52) + "▁▂▃▄▅▆▇█")
        #expect(bars((0...7).map { UInt64($0) }, columns: 60, isUTF8: false).hasSuffix(" _.:-=+*#"))
    }

    @Test func severalMomentsShareABarAndTheMostIsShown() {
        var values = [UInt64?](repeating: 0, count: 60)
        values[59] = 7
        values[10] = 3
        #expect(bars(values, columns: 6) == "▁▄▁▁▁█")
        #expect(bars(values, columns: 1) == "█")
        #expect(bars(values, columns: 0) == "")
    }

    @Test func whatIsNotKnownIsBlank() {
        let values =
            [UInt64?](repeating: 7, count: 20) + [UInt64?](repeating: nil, count: 20)
            + [UInt64?](repeating: 7, count: 20)
        #expect(bars(values, columns: 6) == "██  ██")
        #expect(bars([], columns: 4) == "    ")
        #expect(bars([7], columns: 4) == "   █")
    }

    @Test func littleIsMoreThanNothing() {
        #expect(bars([0], columns: 60, most: 0).last == "▁")
        #expect(bars([1], columns: 60, most: .max).last == "▂")
        #expect(bars([.max], columns: 60, most: .max).last == "█")
        #expect(bars([9], columns: 60, most: 7).last == "█")
    }

    @Test func aTraceKeepsAMinute() {
        var trace = Trace()
        #expect(trace.latest == nil && trace.most == 0)
        for value in 1...100 { trace.append(UInt64(value)) }
        #expect(trace.values == (41...100).map { UInt64($0) })
        trace.append(nil)
        #expect(trace.latest == nil && trace.most == 100 && trace.values.count == Trace.length)
    }
}
