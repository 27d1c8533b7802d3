import DiskIO
import Glibc
import GuestMemory
import Host
import SystemPackage

/// A file without a name that disks of the fuzzer are on.
final class FuzzDisk {
    static let size: UInt64 = 64 << 10
    private let file: OwnedFileDescriptor

    init() throws {
        var path = Array("/tmp/swiftlet-fuzz-XXXXXX".utf8CString)
        let number = unsafe mkstemp(&path)
        guard number >= 0 else { throw SystemCallError("mkstemp", Errno(rawValue: errno)) }
        file = OwnedFileDescriptor(FileDescriptor(rawValue: number))
        unsafe unlink(path)
        guard ftruncate(number, Int(Self.size)) == 0 else {
            throw SystemCallError("ftruncate", Errno(rawValue: errno))
        }
    }

    /// Reads or writes as the kernel would for an engine: it finds out by itself what memory is not accessible.
    func perform(_ request: DiskRequest) -> Int {
        let pieces = unsafe request.vectors.portion
        let count: Int
        switch request.operation {
        case .read:
            count = unsafe preadv(file.descriptor.rawValue, pieces.baseAddress, CInt(pieces.count), Int(request.offset))
        case .write:
            count = unsafe pwritev(
                file.descriptor.rawValue, pieces.baseAddress, CInt(pieces.count), Int(request.offset))
        case .flush, .discard, .zero: count = 0
        }
        return count < 0 ? -Int(errno) : count
    }
}

/// An engine whose requests are done when the input says.
final class FuzzDiskEngine: DiskEngine {
    private let event: EventDescriptor
    var completions: FileDescriptor { event.descriptor }
    private let disk: FuzzDisk
    private var submitted: [(tag: Int, request: DiskRequest)] = []
    private var underWay: [(tag: Int, request: DiskRequest)] = []
    private var results: [(tag: Int, result: Int)] = []

    init(_ disk: FuzzDisk) {
        self.disk = disk
        event = demand("event") { try EventDescriptor() }
    }

    /// Whether no request may still read or write.
    var isIdle: Bool { submitted.isEmpty && underWay.isEmpty }

    func submit(_ request: DiskRequest, tag: Int) {
        let isUsed = (submitted + underWay).contains { $0.tag == tag }
        require(!isUsed, "a tag is one request's")
        submitted.append((tag, request))
    }

    func start() {
        underWay += submitted
        submitted = []
    }

    func takeCompletions(_ body: (_ tag: Int, _ result: Int) -> Void) {
        event.drain()
        while let first = results.first {
            results.removeFirst()
            body(first.tag, first.result)
        }
    }

    func waitForCompletion() {
        start()
        finishOldest(0)
    }

    /// Does the oldest request, or says that it failed.
    func finishOldest(_ how: UInt8) {
        guard let (tag, request) = underWay.first else { return }
        underWay.removeFirst()
        let result =
            switch how {
            case 0xF0: -Int(EIO)
            case 0xF1: -Int(EAGAIN)
            case 0xF2: -Int(ENOSPC)
            default: disk.perform(request)
            }
        results.append((tag, result))
        event.signal()
    }

    func finishAll() {
        start()
        while !underWay.isEmpty { finishOldest(0) }
    }
}
