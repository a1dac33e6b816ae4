import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { TextLineStream } from "@std/streams/text-line-stream";
import fc from "npm:fast-check@4.10.2";
import { abrirEntrada, type Entrada } from "../../lib/entrada.ts";
import { utf8, verificar } from "../apoio/propriedades.ts";

/** O maior limite que se põe à prova. */
const LINHA_BYTES_MAX = 1024 * 1024;

/** Um canal de leitura que entrega os bytes em pedaços. */
function canalDe(bytes: Uint8Array, pedaco: (resta: number) => number) {
  let inicio = 0;
  return {
    read(buffer: Uint8Array): Promise<number | null> {
      if (inicio === bytes.length) return Promise.resolve(null);
      const n = Math.max(1, Math.min(buffer.length, pedaco(bytes.length - inicio)));
      const parte = bytes.subarray(inicio, inicio + n);
      buffer.set(parte);
      inicio += parte.length;
      return Promise.resolve(parte.length);
    },
  };
}

async function lerLinhas(entrada: Entrada): Promise<string[]> {
  const todas: string[] = [];
  await entrada.ler((linhas) => todas.push(...linhas) > 0);
  return todas;
}

async function lerTudo(bytes: Uint8Array, limite = LINHA_BYTES_MAX, pedaco = (n: number) => n) {
  const entrada = abrirEntrada(canalDe(bytes, pedaco), new TextLineStream(), () => limite);
  const linhas = await lerLinhas(entrada);
  return { linhas, falha: entrada.falha };
}

Deno.test("abrirEntrada() dá as mesmas linhas como quer que os bytes venham partidos", async () => {
  const linha = fc.string({ unit: "binary" }).map((texto) => texto.replace(/[\r\n]/g, " "));
  const fim = fc.constantFrom("\n", "\r\n");
  const pedacos = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
  await verificar(
    fc.tuple(fc.array(fc.tuple(linha, fim)), pedacos),
    async ([linhas, pedacos]) => {
      let n = 0;
      const bytes = utf8(linhas.map(([linha, fim]) => linha + fim).join(""));
      const lido = await lerTudo(bytes, 10_000, () => pedacos[n++ % pedacos.length]!);
      assertEquals(lido, { linhas: linhas.map(([linha]) => linha), falha: undefined });
    },
  );
});

Deno.test("abrirEntrada() não perde um caractere partido onde o buffer acaba, e cresce ou diminui", async () => {
  // U+FFFD também é um caractere. De cada começo, outro fica a meio onde o buffer acaba.
  const texto = "é漢😀\ufffd".repeat(3);
  const compridas = Array.from({ length: 4_000 }, () => texto);
  const curtas = Array.from({ length: 100 }, (_, n) => `curta ${n}`);
  for (let n = 0; n < texto.length; n++) {
    const linhas = ["x".repeat(n), ...compridas, ...curtas, ...compridas];
    const bytes = utf8(linhas.join("\n") + "\n");
    const meio = bytes.length / 2;
    const pedaco = (resta: number) => Math.abs(resta - meio) < 1_000 ? 20 : resta;
    assertEquals(await lerTudo(bytes, 1000, pedaco), { linhas, falha: undefined });
  }
});

Deno.test("abrirEntrada() aceita uma linha no limite e recusa a um byte dele", async () => {
  for (const limite of [100, 10_000, LINHA_BYTES_MAX]) {
    for (const fim of ["\n", "\r\n"]) {
      for (const pedaco of [1, 7, 4096, 65_536]) {
        if (limite / pedaco > 50_000) continue;
        const cabe = "a".repeat(limite);
        const lido = await lerTudo(utf8(`antes${fim}${cabe}${fim}depois\n`), limite, () => pedaco);
        assertEquals(lido.falha, undefined);
        assertEquals(lido.linhas, ["antes", cabe, "depois"]);
        const passa = await lerTudo(
          utf8(`antes${fim}${cabe}b${fim}depois\n`),
          limite,
          () => pedaco,
        );
        assertEquals(passa.linhas, ["antes"]);
        assert(passa.falha instanceof RangeError);
        assertMatch(String(passa.falha?.message), new RegExp(`o limite é ${limite}$`));
      }
    }
  }
});

Deno.test("abrirEntrada() recusa uma linha sem fim assim que passa do limite", async () => {
  let lidos = 0;
  const infinito = {
    read(buffer: Uint8Array) {
      buffer.fill(97);
      lidos += buffer.length;
      return Promise.resolve(buffer.length);
    },
  };
  const entrada = abrirEntrada(infinito, new TextLineStream(), () => 100_000);
  assertEquals(await lerLinhas(entrada), []);
  assert(entrada.falha instanceof RangeError);
  assert(lidos < 250_000, `leu ${lidos} bytes para recusar uma linha de 100000`);
});

Deno.test("abrirEntrada() recusa o que não é UTF-8, depois das linhas boas", async () => {
  const ruins = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]];
  for (const ruim of ruins) {
    const bytes = new Uint8Array([...utf8("um\ndois\n"), ...ruim, ...utf8("\nquatro\n")]);
    for (const pedaco of [1, 3, 1000]) {
      const { linhas, falha } = await lerTudo(bytes, 1000, () => pedaco);
      assertEquals(linhas, ["um", "dois"]);
      assert(falha instanceof TypeError);
    }
  }
});

Deno.test("abrirEntrada() não entrega a linha que o fim da conexão cortou", async () => {
  const { linhas, falha } = await lerTudo(utf8('um\n{"tipo":"PUT","id":1,"key":"k","value":"v"}'));
  assertEquals(linhas, ["um"]);
  assert(falha instanceof SyntaxError);
});

Deno.test("abrirEntrada() passa adiante o erro do canal", async () => {
  const canal = { read: () => Promise.reject(new Deno.errors.ConnectionReset("caiu")) };
  const entrada = abrirEntrada(canal, new TextLineStream(), () => 10);
  await assertRejects(() => lerLinhas(entrada), Deno.errors.ConnectionReset);
});
