import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { TextLineStream } from "@std/streams/text-line-stream";
import fc from "npm:fast-check@4.10.2";
import { lerEndereco, lerIp, lerPorta, textoDoEndereco } from "../lib/endereco.ts";
import { abrirEntrada, type Entrada } from "../lib/entrada.ts";
import { abrirSaida, juntarEmLotes, LOTE_MAX } from "../lib/saida.ts";
import { jsonVisivel, visivel } from "../lib/texto.ts";
import {
  type Corpo,
  KEY_BYTES_MAX,
  LINHA_BYTES_MAX,
  LINHA_DE_SERVIDOR_BYTES_MAX,
  Mensagem,
  VERSAO,
} from "../mensagem.ts";

/** Verifica uma propriedade; numa falha, fast-check mostra a semente e o menor contraexemplo. */
function verificar<T>(
  arbitrario: fc.Arbitrary<T>,
  propriedade: (valor: T) => void | Promise<void>,
) {
  return fc.assert(fc.asyncProperty(arbitrario, async (valor) => await propriedade(valor)), {
    numRuns: 300,
  });
}

const inteiro = fc.maxSafeNat();
const texto = fc.string({ unit: "binary" });
const key = fc.string({ unit: "binary", minLength: 1, maxLength: KEY_BYTES_MAX / 4 });
const hexadecimal = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytes.toHex());
const registro = { key, value: texto, timestamp: inteiro };

/** Um arbitrário para cada tipo de mensagem. */
const CORPOS: { readonly [T in Corpo["tipo"]]: fc.Arbitrary<object> } = {
  PUT: fc.record({ key, value: texto }),
  PUT_OK: fc.record({ key, timestamp: inteiro }),
  GET: fc.record({ key, timestamp: inteiro }),
  GET_OK: fc.record({ key, value: fc.option(texto), timestamp: inteiro }),
  TRY_OTHER_SERVER_OR_LATER: fc.record({ key, timestamp: inteiro }),
  ERRO: fc.record({ erro: texto, definitivo: fc.boolean() }),
  AUTH: fc.record({ desafio: hexadecimal }),
  AUTH_CHALLENGE: fc.record({ desafio: hexadecimal, prova: hexadecimal }),
  AUTH_PROOF: fc.record({ prova: hexadecimal }),
  AUTH_OK: fc.record({}),
  JOIN: fc.record({ endereco: texto, token: texto }),
  JOIN_OK: fc.constant({}),
  FORWARD: fc.record({ key, value: texto, origem: fc.ipV4(), prazo: inteiro }),
  LEADER: fc.record({ token: texto }),
  LEADER_OK: fc.record({ timestamp: inteiro, reserva: inteiro }),
  FETCH: fc.record({ timestamp: inteiro }),
  FETCH_OK: fc.record({ timestamp: inteiro }),
  ENTRY: fc.record(registro),
  SYNC: fc.record({ timestamp: inteiro, reserva: inteiro }),
  SYNC_OK: fc.record({ timestamp: inteiro }),
  REPLICATION: fc.record(registro),
  REPLICATION_OK: fc.record({ timestamp: inteiro }),
  PULSE: fc.constant({}),
  PULSE_OK: fc.constant({}),
};

const corpo = fc.oneof(
  ...Object.entries(CORPOS).map(([tipo, campos]) =>
    fc.tuple(fc.option(inteiro, { nil: undefined }), campos)
      .map(([id, outros]) => ({ tipo, id, ...outros }) as Corpo)
  ),
);

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
  for (let linhas; (linhas = await entrada.ler());) todas.push(...linhas);
  return todas;
}

async function lerTudo(bytes: Uint8Array, limite = LINHA_BYTES_MAX, pedaco = (n: number) => n) {
  const entrada = abrirEntrada(canalDe(bytes, pedaco), new TextLineStream(), () => limite);
  const linhas = await lerLinhas(entrada);
  return { linhas, falha: entrada.falha };
}

const utf8 = (texto: string) => new TextEncoder().encode(texto);

Deno.test("VERSAO é a de deno.json", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  assertEquals(VERSAO, version);
});

Deno.test("Mensagem de qualquer tipo sobrevive à linha, sozinha e em lote", async () => {
  await verificar(fc.array(corpo, { minLength: 1, maxLength: 5 }), (corpos) => {
    const linhas = corpos.map((corpo) => new Mensagem(corpo).linha());
    for (const linha of [...linhas, `[${linhas.join(",")}]`]) assert(!/[\r\n]/.test(linha));
    const lidas = Mensagem.abrir(`[${linhas.join(",")}]`);
    assertEquals(lidas.emLote, true);
    assertEquals(lidas.itens.map((item) => Mensagem.ler(item).corpo), corpos);
    assertEquals(Mensagem.ler(Mensagem.abrir(linhas[0]!).itens[0]).corpo, corpos[0]);
  });
});

Deno.test("Mensagem.abrir() recusa toda linha que não é JSON", async () => {
  const naoJson = fc.string({ unit: "binary" }).filter((linha) => {
    try {
      JSON.parse(linha);
      return false;
    } catch {
      return true;
    }
  });
  await verificar(naoJson, (linha) => {
    assertThrows(() => Mensagem.abrir(linha), SyntaxError, "Linha recusada");
  });
});

Deno.test("Mensagem.ler() recusa todo JSON que não é uma Mensagem", async () => {
  const semTipo = fc.jsonValue().filter((valor) =>
    !(valor && typeof valor === "object" && !Array.isArray(valor) &&
      Object.hasOwn(CORPOS, String((valor as { tipo?: unknown }).tipo)))
  );
  await verificar(semTipo, (valor) => {
    assertThrows(() => Mensagem.ler(valor), TypeError, "Mensagem recusada");
  });
});

Deno.test("Mensagem.ler() recusa a falta ou a troca de qualquer campo obrigatório", async () => {
  const outroTipo = fc.constantFrom<unknown>(true, 1.5, -1, 2 ** 53, [], {}, "\ud800");
  await verificar(fc.tuple(corpo, fc.nat(), outroTipo), ([valido, sorteio, errado]) => {
    const livres = ["tipo", "id", "definitivo"];
    if (valido.tipo === "GET") livres.push("timestamp");
    const campos = Object.keys(valido).filter((campo) => !livres.includes(campo));
    const campo = campos[sorteio % Math.max(1, campos.length)];
    if (campo === undefined) return;
    const { [campo]: _, ...sem } = valido as unknown as Record<string, unknown>;
    assertThrows(() => Mensagem.ler(sem), TypeError, campo);
    assertThrows(() => Mensagem.ler({ ...sem, [campo]: errado }), TypeError, campo);
    assertThrows(() => Mensagem.ler({ ...valido, id: -1 }), TypeError, "id");
  });
});

Deno.test("Mensagem.ler() conta os bytes UTF-8 da key, nos dois lados do limite", () => {
  for (const letra of ["a", "é", "€", "😀"]) {
    const bytes = utf8(letra).length;
    const cabe = letra.repeat(Math.floor(KEY_BYTES_MAX / bytes));
    assertEquals(Mensagem.ler({ tipo: "GET", key: cabe }).corpo.tipo, "GET");
    const passa = cabe + "a".repeat(KEY_BYTES_MAX - bytes * (cabe.length / letra.length) + 1);
    assertThrows(
      () => Mensagem.ler({ tipo: "GET", key: passa }),
      RangeError,
      `${KEY_BYTES_MAX + 1} bytes, o limite é ${KEY_BYTES_MAX}`,
    );
  }
  assertThrows(() => Mensagem.ler({ tipo: "PUT", key: "", value: "v" }), TypeError, "vazia");
});

Deno.test("Mensagem.ler() dá timestamp 0 a um GET sem timestamp e ignora campos a mais", () => {
  const { corpo } = Mensagem.ler(JSON.parse('{"tipo":"GET","id":7,"key":"k","value":1,"x":[]}'));
  assertEquals(corpo, { tipo: "GET", id: 7, key: "k", timestamp: 0 });
});

Deno.test("Mensagem.ler() não deixa a origem de um FORWARD forjar uma linha da console", () => {
  const forward = { tipo: "FORWARD", id: 1, key: "k", value: "v", prazo: 1 };
  for (const origem of ["x\nREPLICATION key:a", "\x1b[2J", "", "1.2.3.4:5 PUT key:a"]) {
    assertThrows(() => Mensagem.ler({ ...forward, origem }), TypeError, "origem");
  }
  for (const origem of ["1.2.3.4:5", "[fe80::1%2]:5"]) Mensagem.ler({ ...forward, origem });
});

Deno.test("Mensagem.idDe() acha o id do que não é uma Mensagem, ou nada", () => {
  assertEquals(Mensagem.idDe({ id: 3, tipo: "?" }), 3);
  for (
    const item of [null, 1, "a", [], {}, { id: -1 }, { id: 1.5 }, { id: "1" }, { id: 2 ** 53 }]
  ) {
    assertEquals(Mensagem.idDe(item), undefined);
  }
});

Deno.test("Mensagem: __proto__, constructor e afins não passam por tipo nem por campo", () => {
  for (const tipo of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    assertThrows(() => Mensagem.ler(JSON.parse(`{"tipo":"${tipo}"}`)), TypeError, "desconhecido");
  }
  const disfarce = JSON.parse('{"__proto__":{"tipo":"PUT","key":"k","value":"v"},"id":1}');
  assertThrows(() => Mensagem.ler(disfarce), TypeError, "desconhecido");
});

Deno.test("Mensagem: o PUT de uma linha no limite cabe, replicado, no limite entre servidores", () => {
  const vazio = new Mensagem({ tipo: "PUT", id: 1, key: "k", value: "" }).linha().length;
  for (const caractere of ["a", '\\"', "\\n", "\\u0001", "\u007f", "\u2028", "😀"]) {
    const vezes = Math.floor((LINHA_BYTES_MAX - vazio) / utf8(caractere).length);
    const linha = `{"tipo":"PUT","id":1,"key":"k","value":"${caractere.repeat(vezes)}"}`;
    assert(utf8(linha).length <= LINHA_BYTES_MAX);
    const { corpo } = Mensagem.ler(JSON.parse(linha));
    assert(corpo.tipo === "PUT");
    const maiores = { id: Number.MAX_SAFE_INTEGER, timestamp: Number.MAX_SAFE_INTEGER };
    const origem = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    for (
      const outra of [
        { ...corpo, ...maiores, tipo: "REPLICATION" },
        { ...corpo, ...maiores, tipo: "GET_OK" },
        { ...corpo, ...maiores, tipo: "FORWARD", origem, prazo: Number.MAX_SAFE_INTEGER },
      ] as Corpo[]
    ) {
      assert(utf8(new Mensagem(outra).linha()).length <= LINHA_DE_SERVIDOR_BYTES_MAX);
    }
  }
});

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
  await assertRejects(() => entrada.ler(), Deno.errors.ConnectionReset);
});

/** A próxima volta do laço de eventos, depois de cumpridas todas as promessas. */
const proximaVolta = () => new Promise((resolver) => setImmediate(resolver));

/** Um canal de escrita que guarda o que recebe, em escritas de no máximo `maior` bytes. */
function canalQueGuarda(maior = Infinity) {
  const escritas: string[] = [];
  return {
    escritas,
    write(bytes: Uint8Array): Promise<number> {
      const n = Math.min(maior, bytes.length);
      escritas.push(new TextDecoder().decode(bytes.subarray(0, n)));
      return Promise.resolve(n);
    },
  };
}

Deno.test("abrirSaida() junta numa escrita as linhas de uma volta, e só elas", async () => {
  const canal = canalQueGuarda();
  const saida = abrirSaida(canal);
  saida.enviar("um");
  saida.enviar("dois");
  await saida.esvaziar();
  saida.enviar("três");
  await saida.esvaziar();
  assertEquals(canal.escritas, ["um\ndois\n", "três\n"]);
  assertEquals(saida.fila, 0);
});

Deno.test("abrirSaida() não esquece uma linha enviada quando a anterior acaba de sair", async () => {
  const canal = canalQueGuarda();
  let faltam = 50;
  const saida = abrirSaida(canal, {
    aoEscrever: () => {
      if (faltam-- > 0) Promise.resolve().then(() => saida.enviar("mais"));
    },
  });
  saida.enviar("primeira");
  for (let n = 0; n < 200; n++) await proximaVolta();
  assertEquals(canal.escritas.join("").split("\n").length, 52);
});

Deno.test("abrirSaida() escreve inteira uma linha qualquer: vazia, comprida, de emojis", async () => {
  const canal = canalQueGuarda();
  const saida = abrirSaida(canal);
  // Com uma letra antes, nenhum corte em lugar par parte um emoji ao meio; sem ela, nenhum em ímpar.
  const linhas = ["", "😀".repeat(200_000), "a" + "😀".repeat(200_000), "ç".repeat(400_000)];
  for (const linha of linhas) {
    saida.enviar(linha);
    await saida.esvaziar();
  }
  assert(canal.escritas.join("") === linhas.join("\n") + "\n", "as linhas não saíram como eram");
  assert(canal.escritas.length > linhas.length, "a linha comprida saiu de uma vez");
});

Deno.test("abrirSaida().esvaziar() espera o que já estava na fila, e não o que vem depois", async () => {
  const canal = canalQueGuarda();
  const saida = abrirSaida(canal, {
    aoEscrever: () => {
      if (canal.escritas.length < 1000) saida.enviar("sempre mais uma");
    },
  });
  saida.enviar("esta");
  await saida.esvaziar();
  assert(canal.escritas.length < 10, `${canal.escritas.length} escritas`);
  while (saida.fila > 0) await proximaVolta();
});

Deno.test("juntarEmLotes() deixa como está o lote que já vem pronto", () => {
  assertEquals(juntarEmLotes(["1", "2", "[3,4]", "5", "[6]"]), ["[1,2]", "[3,4]", "5", "[6]"]);
  assertEquals(juntarEmLotes([]), []);
});

Deno.test("abrirSaida() em lotes faz um array de várias e deixa uma sozinha como está", async () => {
  const canal = canalQueGuarda(10);
  const saida = abrirSaida(canal);
  saida.emLotes = true;
  saida.enviar('{"a":1}');
  await saida.esvaziar();
  const grande = JSON.stringify("x".repeat(LOTE_MAX));
  for (const linha of ['{"a":2}', '{"a":3}', grande, '{"a":4}', '{"a":5}']) saida.enviar(linha);
  await saida.esvaziar();
  assertEquals(canal.escritas.join("").split("\n"), [
    '{"a":1}',
    '[{"a":2},{"a":3}]',
    grande,
    '[{"a":4},{"a":5}]',
    "",
  ]);
});

Deno.test("abrirSaida() escreve uma fila enorme aos pedaços", async () => {
  const canal = canalQueGuarda();
  const saida = abrirSaida(canal);
  const linhas = Array.from({ length: 10 }, (_, n) => String(n).repeat(100 * 1024));
  for (const linha of linhas) saida.enviar(linha);
  await saida.esvaziar();
  assert(canal.escritas.join("") === linhas.join("\n") + "\n", "as linhas não saíram como eram");
  assertEquals(canal.escritas.length, linhas.length);
  assertEquals(saida.fila, 0);
});

Deno.test("abrirSaida() avisa uma vez que o canal falhou, e depois nada guarda", async () => {
  const erros: unknown[] = [];
  const saida = abrirSaida({ write: () => Promise.reject(new Error("caiu")) }, {
    aoFalhar: (erro) => erros.push((erro as Error).message),
  });
  saida.enviar("um");
  await saida.esvaziar();
  saida.enviar("dois");
  await saida.esvaziar();
  assertEquals([erros, saida.fila], [["caiu"], 0]);
});

Deno.test("lerIp(), lerPorta() e lerEndereco() aceitam e normalizam o que é válido", () => {
  assertEquals(lerIp(" 127.0.0.1 "), "127.0.0.1");
  assertEquals(lerIp("localhost"), "127.0.0.1");
  assertEquals(lerIp("::1"), "::1");
  assertEquals(lerIp("[::1]"), "::1");
  assertEquals(lerIp("2001:DB8:0::1"), "2001:db8::1");
  assertEquals(lerPorta(" 65535 "), 65535);
  assertEquals(lerEndereco("10.0.0.2:1"), { ip: "10.0.0.2", porta: 1 });
  assertEquals(textoDoEndereco(lerEndereco("[::1]:10097")), "[::1]:10097");
});

Deno.test("lerIp(), lerPorta() e lerEndereco() dizem o que há de errado", () => {
  for (
    const ip of ["", "abc", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.-4", "1:2", "::g", "a:b"]
  ) {
    assertThrows(() => lerIp(ip), TypeError, "IP inválido");
  }
  for (const porta of ["", "0", "65536", "-1", "1.5", "abc", "10 097", "0x50", "123456"]) {
    assertThrows(() => lerPorta(porta), RangeError, "Porta inválida");
  }
  for (const endereco of ["", "127.0.0.1", "::1:80", "1.2.3.4:5:6"]) {
    assertThrows(() => lerEndereco(endereco), TypeError, "Endereço inválido");
  }
});

Deno.test("lerEndereco() recusa logo um texto enorme, que levaria minutos a examinar", () => {
  for (const texto of [" ", ":", "[", "1.", "::"]) {
    assertThrows(() => lerEndereco(texto.repeat(500_000)), TypeError, "Endereço inválido");
  }
});

Deno.test("visivel() escapa o que forjaria uma linha ou mandaria no terminal, e só isso", async () => {
  assertEquals(visivel("a\nb\r\t\0\x1b[31m\x7f\x9b"), "a\\nb\\r\\t\\x00\\x1b[31m\\x7f\\x9b");
  assertEquals(visivel("\u2028\u202e"), "\\u2028\\u202e");
  assertEquals(visivel('olá "mundo" 😀👩‍👩‍👧 \\ C:\\n'), 'olá "mundo" 😀👩‍👩‍👧 \\ C:\\n');
  await verificar(texto, (qualquer) => {
    assert(!/[\p{Cc}\u2028\u2029]/u.test(visivel(qualquer)));
    assert(!/[\p{Cc}\u2028\u2029]/u.test(jsonVisivel({ qualquer })));
    assertEquals(JSON.parse(jsonVisivel({ qualquer })), { qualquer });
  });
});
