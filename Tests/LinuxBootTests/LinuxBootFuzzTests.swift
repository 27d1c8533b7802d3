import KernelLayout
import TestSupport
import Testing

@testable import LinuxBoot

/// Sizes and addresses of every kind, from a seed that a failure names: a check either says what is wrong or finds
/// places that fit.
@Suite struct LinuxBootFuzzTests {
    private static let interesting: [UInt64] = [
        0, 1, 0xfff, 0x1000, 0x9_fc00, 0xf_ffff, 0x10_0000, 16 << 20, 128 << 20, 0xffff_f000, 1 << 32, 1 << 40,
        .max - 0x1000, .max - 1, .max,
    ]

    private func number(_ random: inout SeededGenerator) -> UInt64 {
        switch random.next() % 3 {
        case 0: Self.interesting[Int(random.next() % UInt64(Self.interesting.count))]
        case 1: random.next() >> (random.next() % 64)
        default: (random.next() % 256) << 20
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func placesFitOrTheMistakeIsNamed(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let sample = LinuxBoot.sample()
        var placed = 0
        for step in 0..<500 {
            var boot = sample
            if random.next() % 2 == 0 {
                boot.memory = (0..<(random.next() % 4)).map { _ in
                    MemoryRange(start: number(&random), size: number(&random))
                }
                boot.memory.append(MemoryRange(start: 0, size: number(&random)))
            }
            if random.next() % 3 == 0 {
                boot.kernel.segments = (0..<(random.next() % 3)).map { _ in
                    .init(
                        fileOffset: 0, fileSize: number(&random), address: number(&random), memorySize: number(&random))
                }
                boot.kernel.entry = boot.kernel.segments.first?.address ?? number(&random)
            }
            boot.initrd = .init(file: ArrayFile(bytes: []), size: number(&random))
            if step % 50 == 0 {
                let memory = ACPIPlatform.NodeMemory(
                    start: number(&random), size: number(&random), node: UInt32(random.next() % 400))
                boot.acpi = ACPIPlatform(
                    processors: [.init(apicID: UInt32(truncatingIfNeeded: random.next()))], hasNodes: true,
                    deviceMemory: [memory])
            }
            guard (try? boot.check()) != nil, let placement = try? boot.placement() else { continue }
            placed += 1
            guard !placement.initrd.isEmpty else { continue }
            let initrd = placement.initrd
            #expect(initrd.lowerBound % 0x1000 == 0 && initrd.upperBound <= 1 << 32, "seed \(seed), step \(step)")
            let isUsable = placement.memoryMap.contains {
                $0.kind == .usable && $0.range.lowerBound <= initrd.lowerBound
                    && initrd.upperBound <= $0.range.upperBound
            }
            #expect(isUsable, "seed \(seed), step \(step)")
            for segment in boot.kernel.segments {
                let occupied = segment.address..<(segment.address + segment.memorySize)
                #expect(!occupied.overlaps(initrd), "seed \(seed), step \(step)")
            }
        }
        #expect(placed > 0)
    }
}
