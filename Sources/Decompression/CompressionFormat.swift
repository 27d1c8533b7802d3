/// How something is compressed, as its first bytes tell.
public enum CompressionFormat: String, Sendable, CaseIterable {
    case gzip
    case xz
    /// LZ4's legacy frame format, which Linux uses.
    case lz4
    case zstd
    // Those that follow are recognised, not unpacked.
    case bzip2
    case lzma
    case lzo

    /// How many bytes `init(recognizing:)` looks at.
    public static let signatureLength = 9

    /// The format that some data begins like; nil for any other.
    public init?(recognizing bytes: some Collection<UInt8>) {
        let signatures: [(CompressionFormat, [UInt8])] = [
            (.gzip, [0x1f, 0x8b, 0x08]),  // RFC 1952, 2.3.1
            (.xz, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),  // The .xz File Format, 2.1.1.1
            (.lz4, [0x02, 0x21, 0x4c, 0x18]),  // LZ4 Frame Format, legacy frame
            (.zstd, [0x28, 0xb5, 0x2f, 0xfd]),  // RFC 8878, 3.1.1
            (.bzip2, [0x42, 0x5a, 0x68]),
            (.lzma, [0x5d, 0x00, 0x00]),
            (.lzo, [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a]),
        ]
        guard let match = signatures.first(where: { bytes.starts(with: $0.1) }) else { return nil }
        self = match.0
    }
}
