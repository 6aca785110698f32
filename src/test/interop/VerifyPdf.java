// Judges every signature of a PDF with PDFBox 2 and BouncyCastle and prints one line of JSON for each.
// Run: java -cp pdfbox2.jar:fontbox2.jar:bcprov.jar:bcpkix.jar:bcutil.jar:commons-logging.jar VerifyPdf.java FILE.pdf
// It answers about integrity only; who is trusted is not asked here.

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.StringJoiner;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.apache.pdfbox.pdmodel.interactive.form.PDSignatureField;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1InputStream;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.ASN1Set;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.SignedData;
import org.bouncycastle.asn1.cms.SignerInfo;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignerDigestMismatchException;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.tsp.TimeStampToken;
import org.bouncycastle.tsp.TimeStampTokenInfo;
import org.bouncycastle.util.Selector;

public class VerifyPdf {
    private static final BouncyCastleProvider PROVIDER = new BouncyCastleProvider();

    public static void main(String[] args) throws Exception {
        if (args.length != 1) {
            System.err.println("usage: VerifyPdf FILE.pdf");
            System.exit(2);
        }
        File file = new File(args[0]);
        byte[] bytes = Files.readAllBytes(file.toPath());
        try (PDDocument document = PDDocument.load(file)) {
            for (PDSignatureField field : document.getSignatureFields()) {
                PDSignature signature = field.getSignature();
                if (signature != null) {
                    System.out.println(judge(field.getFullyQualifiedName(), signature, bytes));
                }
            }
        }
    }

    private static String judge(String name, PDSignature signature, byte[] file) {
        StringJoiner json = new StringJoiner(",", "{", "}");
        text(json, "field", name);
        text(json, "filter", signature.getFilter());
        text(json, "subFilter", signature.getSubFilter());
        try {
            int[] range = signature.getByteRange();
            byte[] contents = signature.getContents(file);
            byte[] signed = signature.getSignedContent(file);
            flag(json, "coversWholeFile", coversWholeFile(range, file));
            flag(json, "gapIsContents", gapIsContents(range, file));
            judgeCms(json, contents, signed, "ETSI.RFC3161".equals(signature.getSubFilter()));
        } catch (Exception problem) {
            flag(json, "valid", false);
            text(json, "error", String.valueOf(problem));
        }
        return json.toString();
    }

    private static boolean coversWholeFile(int[] range, byte[] file) {
        return range.length == 4 && range[0] == 0 && range[2] + range[3] == file.length && gapIsContents(range, file);
    }

    // The unsigned gap may hold nothing but "<", hexadecimal digits and ">".
    private static boolean gapIsContents(int[] range, byte[] file) {
        if (range.length != 4) return false;
        int from = range[0] + range[1];
        int to = range[2];
        if (from < 0 || to > file.length || to - from < 2) return false;
        if (file[from] != '<' || file[to - 1] != '>') return false;
        for (int at = from + 1; at < to - 1; at++) {
            if (Character.digit(file[at], 16) < 0) return false;
        }
        return true;
    }

    private static void judgeCms(StringJoiner json, byte[] contents, byte[] signed, boolean isTimestamp)
            throws Exception {
        // The Contents string is padded with zero octets, which the object reader leaves unread.
        ASN1Primitive first;
        try (ASN1InputStream in = new ASN1InputStream(contents)) {
            first = in.readObject();
        }
        ContentInfo info = ContentInfo.getInstance(first);
        CMSSignedData cms =
                isTimestamp ? new CMSSignedData(info) : new CMSSignedData(new CMSProcessableByteArray(signed), info);
        Collection<SignerInformation> signers = cms.getSignerInfos().getSigners();
        if (signers.size() != 1) throw new IllegalArgumentException(signers.size() + " signers instead of one");
        SignerInformation signer = signers.iterator().next();

        flag(json, "valid", verifies(cms, signer));
        flag(json, "digestMatches", isTimestamp ? imprintMatches(cms, signed) : digestMatches(signer, signed));
        flag(json, "attributesInOrder", attributesInOrder(SignedData.getInstance(info.getContent())));
        text(json, "digestAlgorithm", signer.getDigestAlgOID());
        text(json, "signatureAlgorithm", signer.getEncryptionAlgOID());
        json.add("\"signedAttributes\":" + attributeOids(SignedData.getInstance(info.getContent())));
        AttributeTable unsigned = signer.getUnsignedAttributes();
        flag(json, "hasTimestamp",
                unsigned != null && unsigned.get(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken) != null);
        X509CertificateHolder certificate = certificateOf(cms, signer);
        text(json, "signer", certificate.getSubject().toString());
        text(json, "serialHex", certificate.getSerialNumber().toString(16));
    }

    @SuppressWarnings("unchecked")
    private static X509CertificateHolder certificateOf(CMSSignedData cms, SignerInformation signer) {
        Selector<X509CertificateHolder> wanted = signer.getSID();
        Collection<X509CertificateHolder> found = cms.getCertificates().getMatches(wanted);
        if (found.isEmpty()) throw new IllegalArgumentException("the signer's certificate is not in the CMS");
        return found.iterator().next();
    }

    // By the bare key: with a certificate the library would also judge its validity at the claimed signing time.
    private static boolean verifies(CMSSignedData cms, SignerInformation signer) throws Exception {
        PublicKey key = new JcaX509CertificateConverter()
                .setProvider(PROVIDER)
                .getCertificate(certificateOf(cms, signer))
                .getPublicKey();
        try {
            return signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider(PROVIDER).build(key));
        } catch (CMSSignerDigestMismatchException changed) {
            return false;
        }
    }

    private static boolean digestMatches(SignerInformation signer, byte[] signed) throws Exception {
        AttributeTable table = signer.getSignedAttributes();
        if (table == null) return false;
        Attribute attribute = table.get(CMSAttributes.messageDigest);
        if (attribute == null || attribute.getAttrValues().size() != 1) return false;
        byte[] claimed = ASN1OctetString.getInstance(attribute.getAttrValues().getObjectAt(0)).getOctets();
        return Arrays.equals(claimed, MessageDigest.getInstance(signer.getDigestAlgOID(), PROVIDER).digest(signed));
    }

    private static boolean imprintMatches(CMSSignedData cms, byte[] signed) throws Exception {
        TimeStampTokenInfo info = new TimeStampToken(cms).getTimeStampInfo();
        String algorithm = info.getMessageImprintAlgOID().getId();
        byte[] digest = MessageDigest.getInstance(algorithm, PROVIDER).digest(signed);
        return Arrays.equals(info.getMessageImprintDigest(), digest);
    }

    private static SignerInfo signerInfo(SignedData data) {
        return SignerInfo.getInstance(data.getSignerInfos().getObjectAt(0));
    }

    // X.690 §11.6: the members of a SET OF stand in ascending order of their encodings.
    private static boolean attributesInOrder(SignedData data) throws Exception {
        ASN1Set attributes = signerInfo(data).getAuthenticatedAttributes();
        if (attributes == null) return false;
        byte[] last = new byte[0];
        for (int at = 0; at < attributes.size(); at++) {
            byte[] encoded = attributes.getObjectAt(at).toASN1Primitive().getEncoded(ASN1Encoding.DER);
            if (Arrays.compareUnsigned(last, encoded) > 0) return false;
            last = encoded;
        }
        return true;
    }

    private static String attributeOids(SignedData data) {
        List<String> oids = new ArrayList<>();
        ASN1Set attributes = signerInfo(data).getAuthenticatedAttributes();
        for (int at = 0; attributes != null && at < attributes.size(); at++) {
            oids.add(quoted(ASN1Sequence.getInstance(attributes.getObjectAt(at)).getObjectAt(0).toString()));
        }
        return "[" + String.join(",", oids) + "]";
    }

    private static void flag(StringJoiner json, String key, boolean value) {
        json.add(quoted(key) + ":" + value);
    }

    private static void text(StringJoiner json, String key, String value) {
        json.add(quoted(key) + ":" + quoted(value == null ? "" : value));
    }

    private static String quoted(String value) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : new String(value.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8).toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < 0x20 || c > 0x7e) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }
}
