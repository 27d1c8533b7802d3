import Testing

@testable import Scenario

/// Sizes drawn at random.
struct RandomResizesTests {
    private let random = RandomResizes(
        devices: ["vm0", "vm1"], count: 200, least: 64 << 20, most: 1 << 30, step: 2 << 20, pause: 50)

    @Test func theSameSeedDrawsTheSame() {
        #expect(random.changes(seed: 7) == random.changes(seed: 7))
        #expect(random.changes(seed: 7) != random.changes(seed: 8))
        var own = random
        own.seed = 7
        #expect(own.changes(seed: 1) == random.changes(seed: 7))
    }

    @Test func everySizeIsAllowed() {
        let changes = random.changes(seed: 1)
        #expect(changes.count == 200)
        for change in changes {
            #expect(
                (random.least...random.most).contains(change.size) && change.size % random.step == 0
                    && change.pause <= 50)
        }
        #expect(Set(changes.map(\.device)) == ["vm0", "vm1"] && Set(changes.map(\.size)).count > 100)
    }

    /// A report that is rerun on another version has to draw the same.
    @Test func theNumbersStayWhatTheyAre() {
        var random = SeededRandom(seed: 1_234_567)
        #expect(
            [random.next(), random.next(), random.next()] == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ])
        #expect((0..<100).allSatisfy { _ in random.next(below: 3) < 3 })
    }
}
