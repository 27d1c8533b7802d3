import GuestMemory

/// Which pages of a guest are in its balloon, where the host's pages are larger than those: a page of the host goes back
/// only when all of it is there. What it takes is a bit for each page of the guest in such memory, at most.
struct BalloonPages {
    /// Bytes of the pages that a balloon counts in (virtio specification, 5.5.6).
    static let pageSize: UInt64 = 4096

    private struct HostPage {
        private(set) var count: UInt64 = 0
        private var bits: [UInt64]

        init(total: UInt64) {
            bits = Array(repeating: 0, count: Int((total + 63) / 64))
        }

        mutating func set(_ index: UInt64, _ isInside: Bool) {
            let (word, bit) = (Int(index / 64), 1 << (index % 64) as UInt64)
            guard (bits[word] & bit != 0) != isInside else { return }
            bits[word] ^= bit
            count = isInside ? count + 1 : count - 1
        }
    }

    /// By the addresses of the host's pages.
    private var pages: [UInt64: HostPage] = [:]

    /// Takes note of a page in the balloon.
    ///
    /// - Parameters:
    ///   - address: guest-physical, a multiple of `pageSize`.
    ///   - page: the addresses of the host's page around it.
    /// - Returns: whether all of the host's page is in the balloon now.
    mutating func insert(_ address: UInt64, in page: Range<UInt64>) -> Bool {
        let total = (page.upperBound - page.lowerBound) / Self.pageSize
        // In place: what is known of a page of 1 GiB takes 32 KiB.
        pages[page.lowerBound, default: HostPage(total: total)]
            .set((address - page.lowerBound) / Self.pageSize, true)
        return pages[page.lowerBound]?.count == total
    }

    /// Takes note of a page that has left the balloon.
    mutating func remove(_ address: UInt64, in page: Range<UInt64>) {
        pages[page.lowerBound]?.set((address - page.lowerBound) / Self.pageSize, false)
        if pages[page.lowerBound]?.count == 0 {
            pages[page.lowerBound] = nil
        }
    }

    mutating func removeAll() {
        pages = [:]
    }
}
