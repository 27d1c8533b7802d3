import SystemPackage
import Testing

@testable import VhostUser

/// Messages, byte by byte, as QEMU's docs/interop/vhost-user.rst has them.
@Suite struct VhostUserMessageTests {
    private let part = VhostUserMemoryPart(
        guestAddress: 0x1_0000_0000, size: 0x800_0000, file: FileDescriptor(rawValue: 9), fileOffset: 0x20_0000)

    private func little(_ words: UInt32...) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }

    @Test func aMessageHasRequestFlagsAndSize() {
        #expect(VhostUserMessage(.getFeatures).bytes == little(1, 1, 0))
        #expect(VhostUserMessage(.setOwner).bytes == little(3, 1, 0))
        var message = VhostUserMessage(.setFeatures, number: 0x1_4000_0002)
        #expect(message.bytes == little(2, 1, 8, 0x4000_0002, 1))
        message.needsReply = true
        #expect(message.bytes == little(2, 9, 8, 0x4000_0002, 1))
    }

    @Test func queuesAreNamedByTheirNumber() {
        #expect(VhostUserMessage(.setQueueSize, queue: 1, 1024).bytes == little(8, 1, 8, 1, 1024))
        #expect(VhostUserMessage(.getQueueBase, queue: 2).bytes == little(11, 1, 8, 2, 0))
        #expect(VhostUserMessage(.setQueueKick, number: 1).bytes == little(12, 1, 8, 1, 0))
        let addresses = VhostUserMessage(
            queue: 1, descriptorTable: 0x1_0000_1000, usedRing: 0x2000, availableRing: 0x3000)
        #expect(addresses.bytes == little(9, 1, 40, 1, 0, 0x1000, 1, 0x2000, 0, 0x3000, 0, 0, 0))
    }

    @Test func memoryIsDescribedByGuestAddresses() {
        let described = little(0, 1, 0x800_0000, 0, 0, 1, 0x20_0000, 0)
        #expect(VhostUserMessage(memoryTable: [part]).bytes == little(5, 1, 40, 1, 0) + described)
        #expect(VhostUserMessage(memoryTable: [part, part]).bytes == little(5, 1, 72, 2, 0) + described + described)
        #expect(VhostUserMessage(.addMemoryRegion, part).bytes == little(37, 1, 40, 0, 0) + described)
        #expect(VhostUserMessage(.removeMemoryRegion, part).bytes == little(38, 1, 40, 0, 0) + described)
    }

    @Test func answersAreChecked() throws {
        try VhostUserMessage.checkReply(header: little(1, 5, 8), to: .getFeatures, size: 8)
        for wrong in [[2, 5, 8], [1, 1, 8], [1, 4, 8], [1, 6, 8], [1, 5, 4], [1, 5, .max]] as [[UInt32]] {
            #expect(throws: VhostUserError.wrongReply(.getFeatures)) {
                try VhostUserMessage.checkReply(
                    header: little(wrong[0], wrong[1], wrong[2]), to: .getFeatures, size: 8)
            }
        }
    }
}
