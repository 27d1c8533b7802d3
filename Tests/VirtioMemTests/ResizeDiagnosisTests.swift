import GuestMemory
import Host
import Testing
import Virtio

@testable import VirtioMem

/// Each cause that a resize can be held up by is told from the others, in words that say what to do.
@Suite struct ResizeDiagnosisTests {
    private static let gibibyte: UInt64 = 1 << 30
    private static let features: UInt64 = 1 << 32 | 0b10

    /// A guest with a driver that has not done anything for 6 seconds.
    private static func situation(
        requested: UInt64, plugged: UInt64, _ change: (inout ResizeSituation) -> Void = { _ in }
    ) -> ResizeSituation {
        var situation = ResizeSituation(
            requestedSize: requested, pluggedSize: plugged, regionSize: 8 * gibibyte, blockSize: 2 << 20,
            driver: .running(features: features), idleTime: 6_000, timeWithoutProgress: 6_000)
        change(&situation)
        return situation
    }

    private static func growing(_ change: (inout ResizeSituation) -> Void = { _ in }) -> ResizeSituation {
        situation(requested: 4 * gibibyte, plugged: 128 << 20, change)
    }

    private static func shrinking(_ change: (inout ResizeSituation) -> Void = { _ in }) -> ResizeSituation {
        situation(requested: 0, plugged: 600 << 20) { situation in
            situation.pluggedRanges = [4 << 30..<(4 << 30) + (600 << 20)]
            change(&situation)
        }
    }

    private static func causes(_ situation: ResizeSituation) -> [ResizeDiagnosis.Cause] {
        ResizeDiagnosis(of: situation).causes
    }

    @Test func whoHasWhatIsRequestedNeedsNoExplanation() {
        for driver in [.absent, .starting, .running(features: Self.features)] as [DriverState] {
            let diagnosis = ResizeDiagnosis(of: Self.situation(requested: 0, plugged: 0) { $0.driver = driver })
            #expect(diagnosis.causes.isEmpty)
            #expect(diagnosis.explanation.isEmpty)
        }
        #expect(Self.causes(Self.situation(requested: 0, plugged: 0) { $0.driver = .failed }) == [.driverFailed])
    }

    // MARK: Known causes

    private static let legacy: UInt64 = 1 << 32
    private static let wrong = VirtioMemRequest.plug(VirtioMemBlockRange(address: GuestAddress(1), count: 1))

    @Test(
        arguments: [
            (.absent, .noDriver, ["no driver", "modprobe virtio_mem", "CONFIG_VIRTIO_MEM"]),
            (.starting, .driverStarting, ["has begun with the device", "dmesg"]),
            (
                .refused(features: legacy), .wouldReadUnpluggedMemory,
                ["Linux before 5.16", "unplugged-inaccessible=auto"]
            ),
            (.refused(features: 0b10), .featuresRefused(0b10), ["(0x2)", "dmesg"]),
            (.refused(features: legacy | 1 << 60 | 0b10), .featuresRefused(legacy | 1 << 60 | 0b10), ["dmesg"]),
            (.failed, .driverFailed, ["gave up", "system_reset"]),
            (
                .needsReset(.nestedIndirect), .needsReset(.nestedIndirect),
                ["broke a rule", "indirect descriptor in an indirect", "bind"]
            ),
        ] as [(DriverState, ResizeDiagnosis.Cause, [String])])
    func theDriverIsTheCause(driver: DriverState, cause: ResizeDiagnosis.Cause, words: [String]) {
        for situation in [Self.growing { $0.driver = driver }, Self.shrinking { $0.driver = driver }] {
            let diagnosis = ResizeDiagnosis(of: situation)
            #expect(diagnosis.causes == [cause])
            #expect(diagnosis.findings.map(\.isCertain) == [true])
            for word in words { #expect(diagnosis.explanation.contains(word), "\(diagnosis.explanation)") }
        }
    }

    @Test func aPausedGuestIsTheCauseWhateverElse() {
        for driver in [.absent, .running(features: Self.features)] as [DriverState] {
            let diagnosis = ResizeDiagnosis(
                of: Self.growing {
                    $0.driver = driver
                    $0.isPaused = true
                })
            #expect(diagnosis.causes == [.paused])
            #expect(diagnosis.explanation.hasSuffix("the guest is paused; 'cont' lets it go on"))
        }
    }

    @Test func aWrongRequestIsTheEndOfLinuxsDriver() {
        let diagnosis = ResizeDiagnosis(of: Self.growing { $0.activity.note(Self.wrong, .error) })
        #expect(diagnosis.causes == [.requestWasWrong(Self.wrong)])
        #expect(diagnosis.explanation.contains("(plug 1 block at 0x1)"))
    }

    @Test(
        arguments: [
            (.host(SystemCallError("mprotect", .noMemory)), "free memory on the host"),
            (.slot(.exhausted(limit: 9)), "slot-size="), (.tooFragmented, "vm.max_map_count"),
        ] as [(ElasticRegionError, String)])
    func theHostIsTheCause(error: ElasticRegionError, remedy: String) {
        for situation in [Self.growing { $0.refusal = error }, Self.shrinking { $0.refusal = error }] {
            let diagnosis = ResizeDiagnosis(of: situation)
            #expect(diagnosis.causes == [.hostRefuses(error)])
            #expect(diagnosis.explanation.contains("\(error)") && diagnosis.explanation.contains(remedy))
        }
    }

    /// A driver that would be accepted, if only the host could let it read unplugged memory.
    @Test func theHostIsTheCauseOfARefusal() {
        let causes = Self.causes(
            Self.growing {
                $0.driver = .refused(features: Self.legacy)
                $0.refusal = .tooFragmented
            })
        #expect(causes == [.hostRefuses(.tooFragmented)])
    }

    @Test func aDriverAtWorkIsLeftAlone() {
        for situation in [
            Self.growing { $0.timeWithoutProgress = 999 }, Self.shrinking { $0.timeWithoutProgress = 0 },
        ] {
            #expect(Self.causes(situation) == [.underWay])
        }
    }

    @Test func aDriverThatAsksForTooMuchIsNamed() {
        let request = VirtioMemRequest.plug(VirtioMemBlockRange(address: GuestAddress(4 << 30), count: 64))
        #expect(
            Self.causes(Self.growing { $0.activity.note(request, .negativeAcknowledge) }) == [.asksForTooMuch])
    }

    // MARK: Guesses

    @Test func aGibibyteWithoutMoreIsProbablyNotOnline() {
        let diagnosis = ResizeDiagnosis(of: Self.situation(requested: 4 * Self.gibibyte, plugged: Self.gibibyte))
        #expect(diagnosis.causes == [.notOnline, .noMemoryToGrow(needed: 48 << 20)])
        #expect(diagnosis.findings.allSatisfy { !$0.isCertain })
        #expect(
            diagnosis.explanation.hasPrefix(
                "1G of 4G are plugged, and nothing has moved for 6 s: probably the guest has added memory that it has "
                    + "not brought online, and Linux's driver waits at 1G"))
        #expect(diagnosis.explanation.contains("memhp_default_state=online_movable"))
    }

    @Test func lessIsProbablyWantOfMemory() {
        let diagnosis = ResizeDiagnosis(of: Self.growing())
        #expect(diagnosis.causes == [.noMemoryToGrow(needed: 62 << 20)])
        #expect(diagnosis.explanation.contains("about 1/64 of it, 62M;"), "\(diagnosis.explanation)")
    }

    /// Linux's driver plugs a memory block, fails to add it, and unplugs it.
    @Test func whatIsGivenBackCouldNotBeAdded() {
        let range = VirtioMemBlockRange(address: GuestAddress(4 << 30), count: 64)
        let diagnosis = ResizeDiagnosis(
            of: Self.growing {
                $0.activity.note(.plug(range), .acknowledge)
                $0.activity.note(.unplug(range), .acknowledge)
            })
        #expect(diagnosis.causes == [.addingFails(needed: 62 << 20)])
    }

    @Test func whatIsNoWholeMemoryBlockOfLinuxIsNotPlugged() {
        let diagnosis = ResizeDiagnosis(
            of: Self.situation(requested: 200 << 20, plugged: 128 << 20) { $0.regionSize = 200 << 20 })
        #expect(diagnosis.causes == [.unusableRest(72 << 20)])
        #expect(diagnosis.explanation.contains("the last 72M") && diagnosis.explanation.contains("multiple of 128M"))
    }

    @Test func whatIsStillPluggedIsInUse() {
        let diagnosis = ResizeDiagnosis(of: Self.shrinking())
        #expect(diagnosis.causes == [.memoryInUse])
        #expect(
            diagnosis.explanation.hasPrefix(
                "600M are plugged where 0 are requested, and nothing has moved for 6 s: probably the guest uses what is "
                    + "still plugged (0x100000000-0x1257fffff); end what uses memory"))
    }

    @Test func withoutRemindersTheSizeHasToBeSetAgain() {
        let text = ResizeDiagnosis(of: Self.shrinking { $0.isReminded = false }).explanation
        #expect(text.contains("the rest follows when the size is set again (retry-interval=0)"))
        #expect(ResizeDiagnosis(of: Self.shrinking()).explanation.contains("the rest follows then"))
    }

    @Test func onlyTheFirstRangesAreNamed() {
        let diagnosis = ResizeDiagnosis(
            of: Self.shrinking { situation in
                situation.pluggedRanges = (0..<5).map { UInt64($0) << 32..<UInt64($0) << 32 + 0x1000 }
            })
        #expect(
            diagnosis.explanation.contains("(0x0-0xfff, 0x100000000-0x100000fff, 0x200000000-0x200000fff and 2 more)"))
    }

    @Test func aSlowShrinkHasFurtherCauses() {
        let block = VirtioMemBlockRange(address: GuestAddress(4 << 30), count: 1)
        func slow(_ requested: UInt64, reminders: UInt64 = 0) -> [ResizeDiagnosis.Cause] {
            Self.causes(
                Self.situation(requested: requested, plugged: Self.gibibyte) {
                    $0.activity.note(.unplug(block), .acknowledge)
                    $0.reminders = reminders
                })
        }
        #expect(slow(130 << 20) == [.memoryInUse, .smallSteps, .zeroing])
        #expect(slow(128 << 20) == [.memoryInUse, .zeroing])
        // A driver that was reminded time and again, and did nothing, is not slow.
        #expect(slow(128 << 20, reminders: 8) == [.memoryInUse])
    }

    @Test func sizesAreShortAndExact() {
        let expected: [(UInt64, String)] = [
            (0, "0"), (1, "1"), (1024, "1K"), (1536, "1536"), (3 << 20, "3M"), (5 << 30, "5G"), (1 << 40, "1T"),
            (1 << 40 | 1 << 30, "1025G"),
        ]
        for (bytes, text) in expected { #expect(sizeText(bytes) == text) }
    }
}
