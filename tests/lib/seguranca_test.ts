import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  conferirProva,
  iguais,
  lerCertificado,
  lerPem,
  lerSegredo,
  lerSeguranca,
  provar,
  segredoDaProva,
} from "../../lib/seguranca.ts";

const SEGREDO = "um segredo de teste, bem comprido";

Deno.test("lerSegredo() diz o que há de errado com o arquivo", async () => {
  const pasta = await Deno.makeTempDir();
  const escrever = async (texto: string, mode = 0o600) => {
    const caminho = `${pasta}/${crypto.randomUUID()}`;
    await Deno.writeTextFile(caminho, texto, { mode });
    return caminho;
  };
  assertEquals(lerSegredo(await escrever("0123456789abcdef\r\n")), "0123456789abcdef");
  const [um, outro] = [SEGREDO, "0123456789abcdef"];
  assertEquals(lerSegredo(await escrever(`${um}\r\n${outro}\n`)), [um, outro]);
  const dizer = async (...linhas: string[]) => {
    const arquivo = await escrever(linhas.join("\n"));
    return assertThrows(() => lerSegredo(arquivo), RangeError).message;
  };
  assertEquals(await dizer(um, "", outro), "o segredo tem 0 bytes, o mínimo é 16");
  assertEquals(await dizer(um, outro, um), "há dois segredos iguais");
  const cinco = ["a", "b", "c", "d", "e"].map((letra) => letra.repeat(16));
  assertEquals(await dizer(...cinco), "há 5 segredos, o limite é 4");
  const curto = await escrever("0123456789abcde\n");
  assertThrows(() => lerSegredo(curto), RangeError, "tem 15 bytes, o mínimo é 16");
  assertThrows(() => lerSegredo(`${pasta}/nada`), Error, "não existe");
  if (Deno.build.os !== "windows") {
    for (const mode of [0o640, 0o604, 0o620]) {
      const aberto = await escrever(SEGREDO, mode);
      // O sistema tira bits ao criar (umask): são postos de novo.
      await Deno.chmod(aberto, mode);
      assertThrows(() => lerSegredo(aberto), Error, "outros podem ler");
    }
  }
  await Deno.remove(pasta, { recursive: true });
});

Deno.test("conferirProva() aceita a prova do segredo, do lado e dos desafios certos, e só essa", async () => {
  const desafios = ["11".repeat(32), "22".repeat(32)] as const;
  const [um, outro] = desafios;
  const prova = await provar(SEGREDO, "cliente", desafios);
  assert(await conferirProva(SEGREDO, "cliente", desafios, prova));
  const erradas = await Promise.all([
    conferirProva(SEGREDO + "?", "cliente", desafios, prova),
    conferirProva(SEGREDO, "servidor", desafios, prova),
    conferirProva(SEGREDO, "cliente", [outro, um], prova),
    conferirProva(SEGREDO, "cliente", [um, um], prova),
    conferirProva(SEGREDO, "cliente", desafios, "00".repeat(32)),
    conferirProva(SEGREDO, "cliente", desafios, prova.slice(2)),
  ]);
  assertEquals(erradas, erradas.map(() => false));
});

Deno.test("segredoDaProva() diz de qual dos segredos é a prova; provar() usa o primeiro", async () => {
  const desafios = ["11".repeat(32), "22".repeat(32)] as const;
  const prova = await provar(["novo novo novo novo", SEGREDO], "servidor", desafios);
  const deQual = (...segredos: [string, ...string[]]) =>
    segredoDaProva(segredos, "servidor", desafios, prova);
  assertEquals(await deQual(SEGREDO, "novo novo novo novo"), "novo novo novo novo");
  assertEquals(await deQual(SEGREDO), undefined);
});

Deno.test("iguais() compara por inteiro, de qualquer tamanho", () => {
  assert(iguais("", "") && iguais("abc", "abc"));
  for (const outro of ["", "ab", "abcd", "abd", "xbc", "abc\0"]) {
    assert(!iguais("abc", outro) && !iguais(outro, "abc"));
  }
});

Deno.test("lerPem() separa os certificados que ficaram na mesma linha", async () => {
  const arquivo = await Deno.makeTempFile();
  const pem = (letra: string) => `-----BEGIN CERTIFICATE-----\n${letra}\n-----END CERTIFICATE-----`;
  await Deno.writeTextFile(arquivo, pem("a") + pem("b") + "\n" + pem("c"));
  assertEquals(lerPem(arquivo), [pem("a"), pem("b"), pem("c")].join("\n"));
  await Deno.remove(arquivo);
});

Deno.test("lerSeguranca() e lerCertificado() leem os arquivos das opções, e dizem o que falta", async () => {
  const pasta = await Deno.makeTempDir();
  const PEM = "-----BEGIN CERTIFICATE-----\n";
  const [pem, texto] = [`${pasta}/bom.pem`, `${pasta}/texto`];
  await Deno.writeTextFile(pem, PEM);
  await Deno.writeTextFile(texto, "não é");
  const lidos = (opcoes: { [nome: string]: string }) => ({ opcoes, livres: [] });
  assertEquals(lerSeguranca(lidos({})), { segredo: undefined, tls: undefined });
  assertEquals(lerSeguranca(lidos({ "tls-ca": pem })).tls, { ca: PEM });
  assertThrows(() => lerSeguranca(lidos({ "tls-ca": texto })), TypeError, "não é um arquivo PEM");
  assertThrows(() => lerSeguranca(lidos({ segredo: `${pasta}/nada` })), TypeError, "--segredo: ");
  assertEquals(lerCertificado(lidos({})), undefined);
  const dois = { "tls-cert": pem, "tls-chave": pem };
  assertEquals(lerCertificado(lidos(dois)), { cert: PEM, chave: PEM });
  for (const nome of ["tls-cert", "tls-chave", "tls-ca"]) {
    assertThrows(() => lerCertificado(lidos({ [nome]: pem })), TypeError, "precisa das duas");
  }
  await Deno.remove(pasta, { recursive: true });
});
