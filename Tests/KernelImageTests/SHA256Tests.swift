import Digest
import Testing

@Suite struct SHA256Tests {
    /// FIPS 180-4's examples, as NIST publishes them ("SHA256.pdf"), and the digest of nothing.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func knownDigests(_ text: String, _ digest: String) {
        var whole = SHA256()
        whole.update(Array(text.utf8))
        #expect(whole.finish() == digest)
        var pieces = SHA256()
        for byte in text.utf8 {
            pieces.update([byte])
            pieces.update([])
        }
        #expect(pieces.finish() == digest)
    }
}
