import Synchronization
import Testing

@testable import Machine

/// How devices interrupt the guest.
struct InterruptEventTests {
    private final class Line: Sendable {
        let pulses = Atomic(0)

        func takePulses() -> Int { pulses.exchange(0, ordering: .relaxed) }
    }

    @Test func pulsesReachTheLineThatItLeadsTo() {
        let (interrupt, first, second) = (InterruptEvent(), Line(), Line())
        interrupt.pulse()
        interrupt.connect { first.pulses.add(1, ordering: .relaxed) }
        #expect(first.takePulses() == 0, "before there was a guest there was nobody to interrupt")
        for _ in 0..<3 { interrupt.pulse() }
        #expect(first.takePulses() == 3)
        interrupt.connect { second.pulses.add(1, ordering: .relaxed) }
        interrupt.pulse()
        #expect(first.takePulses() == 0 && second.takePulses() == 1)
    }

    @Test func manyPulsesOfATurnAreOne() {
        let (interrupt, line) = (InterruptEvent(), Line())
        interrupt.connect { line.pulses.add(1, ordering: .relaxed) }
        interrupt.pulsingOnce {
            for _ in 0..<3 { interrupt.pulse() }
            #expect(line.takePulses() == 0)
        }
        #expect(line.takePulses() == 1)
        interrupt.pulsingOnce {}
        #expect(line.takePulses() == 0)
        interrupt.pulse()
        #expect(line.takePulses() == 1)
    }
}
