import CMd

/// A digest by SHA-256 (FIPS 180-4), through libmd.
public struct SHA256: ~Copyable {
    /// Bytes of a digest.
    public static let length = 32

    private var context = SHA2_CTX()

    public init() {
        unsafe SHA256Init(&context)
    }

    /// Takes more bytes in.
    public mutating func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe SHA256Update(&context, start, buffer.count)
        }
    }

    /// The digest of all that was taken in, as lower-case hexadecimal digits.
    public consuming func finish() -> String {
        let digest = unsafe [UInt8](unsafeUninitializedCapacity: Self.length) { buffer, filled in
            guard let start = buffer.baseAddress else { return }
            unsafe SHA256Final(start, &context)
            filled = Self.length
        }
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
