/**
 * O painel visto de um navegador de verdade: cada cena até ao fim, os comandos, uma recarga a meio,
 * duas páginas, uma rajada; e que a página diz o que as tabelas dos servidores dizem.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { abrirRastros } from "../../exemplos/painel/rastros.ts";
import { Fio } from "../apoio.ts";
import {
  A_ESPERA,
  CENA_MS,
  CONFIRMADAS,
  EM_DIA,
  escolherS1,
  tabelasDaPagina,
  tabelasDosServidores,
  testar,
  usarNavegador,
} from "./aula.ts";

usarNavegador();

const CENAS = ["seguidor", "try", "morre", "lider", "dois"];

for (const cena of CENAS) {
  testar(`a cena "${cena}" vai até ao fim, e a página diz o que dizem as tabelas`, async (aula) => {
    const { pagina } = aula;
    await pagina.clicar(`[data-cena="${cena}"]`);
    const olhe = await pagina.ate<string>(`document.getElementById("olhe").textContent`);
    assert(olhe.startsWith("Olhe: "));
    await pagina.ate(
      `document.getElementById("cena").textContent.endsWith("(acabou)") && (${EM_DIA})`,
      CENA_MS,
    );
    const mostradas = await tabelasDaPagina(pagina);
    assertEquals(mostradas, await tabelasDosServidores(pagina));
    assert(mostradas.every((tabela) => tabela.length > 0), JSON.stringify(mostradas));
    const tipos = await pagina.avaliar<string[]>(
      `[...document.querySelectorAll("#diagrama .seta .tipo")].map((no) => no.textContent)`,
    );
    const tem = { seguidor: "FORWARD", try: "TRY_OTHER_SERVER_OR_LATER", morre: "ENTRY" }[cena];
    if (tem !== undefined) assert(tipos.includes(tem), `${tem}: ${tipos}`);
  });
}

testar("um servidor morto diz-se morto, e o PUT espera até que volte", async ({ pagina }) => {
  await escolherS1(pagina);
  await pagina.clicar("#cartao-s3 .perigo");
  await pagina.ate(`document.querySelector("#cartao-s3 .estado").textContent === "morto"`);
  await pagina.clicar("#put-x");
  await pagina.ate(A_ESPERA);
  await pagina.ate(
    `document.querySelector("#clientes output").title.includes("falta o Servidor 3")`,
  );
  assertEquals(await pagina.avaliar(CONFIRMADAS), 0);
  await pagina.clicar("#cartao-s3 button:nth-of-type(2)");
  await pagina.ate(`${EM_DIA} && ${CONFIRMADAS} === 3`);
  assertEquals(await tabelasDaPagina(pagina), await tabelasDosServidores(pagina));
});

testar(
  "um elo atrasado mostra o que não está confirmado, e o que se perde partido",
  async (aula) => {
    const { pagina } = aula;
    await escolherS1(pagina);
    const deslizador = `document.querySelector("[aria-label='Atraso do elo S1–S3']")`;
    await pagina.avaliar(`${deslizador}.focus()`);
    for (let n = 0; n < 12; n++) await pagina.teclar("ArrowRight");
    await pagina.ate(`document.getElementById("palco").textContent.includes("+ 3 s")`);
    await pagina.clicar("#put-x");
    await pagina.ate(`document.querySelectorAll("#cartao-s1 .por-confirmar").length === 1`);
    await pagina.clicar("#cartao-s3 .perigo");
    await pagina.ate(`document.querySelector("#diagrama .seta.perdida") !== null`);
    await pagina.avaliar(`${deslizador}.focus()`);
    await pagina.teclar("Home");
    await pagina.ate(`!document.getElementById("palco").textContent.includes("+ 3 s")`);
    await pagina.clicar("#cartao-s3 button:nth-of-type(2)");
    await pagina.ate(`${EM_DIA} && ${CONFIRMADAS} === 3`, CENA_MS);
  },
);

testar("um elo cortado vê-se, o PUT espera, e sara-se", async ({ pagina }) => {
  await escolherS1(pagina);
  await pagina.clicar("#cortar-s1-s2");
  await pagina.ate(`document.querySelector(".elo.cortado text")?.textContent === "× cortado"`);
  await pagina.clicar("#put-x");
  await pagina.ate(A_ESPERA);
  assertEquals(await pagina.avaliar(CONFIRMADAS), 0);
  await pagina.clicar("#cortar-s1-s2");
  await pagina.ate(`document.querySelector(".elo.cortado") === null`);
  await pagina.ate(`${EM_DIA} && ${CONFIRMADAS} === 3`);
});

testar(
  "parado, o desenho não muda; ao vivo outra vez, ou pedida uma coisa, mostra o de agora",
  async (aula) => {
    const { pagina } = aula;
    const outra = await aula.abrirOutra();
    await outra.ate(EM_DIA);
    const parada = `document.querySelector("#ao-vivo[aria-pressed=false]") !== null`;
    await pagina.clicar("#pausa");
    await pagina.ate(parada);
    await outra.clicar("#put-x");
    await outra.ate(`${CONFIRMADAS} === 3`);
    // A página parada guarda o que vem; só depois de tudo chegado nada a obriga a desenhar outra vez.
    await outra.ate(`document.querySelector(".ponto:not([hidden])") === null`);
    // Nada mais acontece: o que falta desenhar é só o que já se sabe.
    assertEquals(await pagina.avaliar(CONFIRMADAS), 0);
    await pagina.clicar("#ao-vivo");
    await pagina.ate(`${CONFIRMADAS} === 3`);
    await pagina.clicar("#pausa");
    await pagina.ate(parada);
    await pagina.clicar("#get-y");
    await pagina.ate(`!(${parada})`);
  },
);

testar("recomeçar a meio de uma cena esquece-a, e tudo volta vazio", async ({ pagina }) => {
  await pagina.clicar('[data-cena="try"]');
  await pagina.ate(`document.querySelector("#cartao-s1 tbody tr") !== null`);
  assert(await pagina.avaliar(`document.getElementById("cena").textContent !== ""`));
  await pagina.clicar("#recomecar");
  await pagina.ate(
    `${EM_DIA} && document.getElementById("cena").textContent === "" &&
      document.querySelector("#tabelas tbody tr") === null`,
    CENA_MS,
  );
});

testar("os sinais de vida veem-se se se pede, em todas as páginas", async (aula) => {
  const { pagina } = aula;
  const pulso = `[...document.querySelectorAll("#diagrama .seta .tipo")].some((no) =>
    no.textContent.startsWith("PULSE"))`;
  assertEquals(await pagina.avaliar(pulso), false);
  await pagina.clicar("#pulsos");
  await pagina.ate(pulso);
  const outra = await aula.abrirOutra();
  await outra.ate(`document.getElementById("pulsos").checked && ${pulso}`);
});

testar("passo a passo, cada mensagem espera que se peça a próxima", async ({ pagina }) => {
  await pagina.clicar("#passo");
  await pagina.ate(`document.querySelector("#passo[aria-pressed=true]") !== null`);
  await escolherS1(pagina);
  await pagina.clicar("#put-x");
  await pagina.ate(`document.querySelector("#proxima:not(:disabled)") !== null`);
  await pagina.ate(`document.querySelector(".ponto.espera:not([hidden])") !== null`);
  const aCaminho = `[...document.querySelectorAll("#diagrama .seta")].filter((seta) =>
    seta.getAttribute("aria-label").startsWith("PUT "))[0]?.classList.contains("caminha")`;
  assertEquals(await pagina.avaliar(aCaminho), true);
  // Premir o ponto que espera é o mesmo que pedir a próxima, mas essa.
  await pagina.clicar(".ponto.espera:not(.pulso):not([hidden]) .forma");
  await pagina.ate(`!(${aCaminho})`);
  // E a seguir as outras, uma de cada vez, até ao PUT_OK.
  const respondido = `document.querySelector("#clientes output").textContent.startsWith("PUT_OK")`;
  const pronta = `document.querySelector("#proxima:not(:disabled)") !== null`;
  while (!await pagina.avaliar(respondido)) {
    await pagina.ate(`${pronta} || ${respondido}`);
    if (await pagina.avaliar(pronta)) await pagina.clicar("#proxima");
  }
  await pagina.clicar("#passo");
  await pagina.ate(`${EM_DIA} && ${CONFIRMADAS} === 3`);
});

testar(
  "com menos movimento, os pontos não deslizam: saem, vão a meio e chegam",
  async ({ pagina }) => {
    await pagina.ver({ largura: 1280, altura: 720, quieto: true });
    await pagina.avaliar(`(() => {
    window.lugares = new Set();
    const ver = () => {
      for (const no of document.querySelectorAll(".ponto:not([hidden]) > g")) {
        lugares.add(no.getAttribute("transform"));
      }
      requestAnimationFrame(ver);
    };
    ver();
  })()`);
    await pagina.clicar('[data-cena="seguidor"]');
    await pagina.ate(`document.getElementById("cena").textContent.endsWith("(acabou)")`, CENA_MS);
    // Os seis caminhos da cena, três lugares em cada um.
    const lugares = await pagina.avaliar<number>("lugares.size");
    assert(lugares > 6 && lugares <= 18, `${lugares} lugares`);
  },
);

testar("uma recarga a meio, e outra página, mostram o mesmo", async ({ pagina, abrirOutra }) => {
  await pagina.clicar("#put-x");
  await pagina.ate(`${CONFIRMADAS} === 3`);
  await pagina.clicar('[data-cena="seguidor"]');
  await pagina.ate(`[...document.querySelectorAll("#diagrama .tipo")].some((no) =>
    no.textContent === "FORWARD")`);
  await pagina.recarregar();
  const acabou = `document.getElementById("cena").textContent.endsWith("(acabou)")`;
  await pagina.ate(acabou, CENA_MS);
  const outra = await abrirOutra({ largura: 390, altura: 800, escuro: true, quieto: true });
  await outra.ate(acabou);
  const setas = `[...document.querySelectorAll("#diagrama .seta")].map((no) =>
    no.getAttribute("aria-label")).join("\\n")`;
  assertEquals(await outra.avaliar(setas), await pagina.avaliar(setas));
  assertEquals(await tabelasDaPagina(outra), await tabelasDaPagina(pagina));
  assertEquals(await outra.avaliar(`document.documentElement.scrollWidth`), 390);
  assertEquals(outra.erros, []);
});

testar(
  "com o teclado, uma mensagem lê-se inteira, e volta-se pelo que se viu",
  async ({ pagina }) => {
    await pagina.clicar("#put-x");
    await pagina.ate(`${CONFIRMADAS} === 3`);
    await pagina.avaliar(`document.getElementById("diagrama").focus()`);
    await pagina.teclar("End");
    await pagina.teclar("ArrowUp");
    const json = await pagina.avaliar<string>(
      `document.querySelector("#mensagem code").textContent`,
    );
    assert(typeof JSON.parse(json).tipo === "string");
    await pagina.clicar("#pausa");
    await pagina.ate(
      `document.getElementById("instante").textContent.includes("as mensagens seguem")`,
    );
    await pagina.clicar("#inicio");
    await pagina.ate(`document.querySelectorAll("#tabelas tbody tr").length === 0`);
    await pagina.clicar("#depois");
    await pagina.ate(`document.querySelectorAll("#diagrama .seta").length > 0`);
    await pagina.clicar("#ao-vivo");
    await pagina.ate(`document.querySelectorAll("#tabelas tbody tr").length === 3`);
  },
);

testar("5000 PUTs num segundo não gelam a página, que diz quantos não mostra", async (aula) => {
  const { pagina } = aula;
  const endereco = await pagina.avaliar<string>(
    `document.querySelector("#consoles h3").textContent.split(" · ")[1]`,
  );
  await pagina.avaliar(`(() => {
    let antes = performance.now();
    window.maiorQuadro = 0;
    const medir = (agora) => {
      window.maiorQuadro = Math.max(window.maiorQuadro, agora - antes);
      antes = agora;
      requestAnimationFrame(medir);
    };
    requestAnimationFrame((agora) => { antes = agora; requestAnimationFrame(medir); });
  })()`);
  await using fio = await Fio.abrir(endereco);
  const puts = Array.from(
    { length: 5_000 },
    (_, id) => ({ tipo: "PUT", id: id + 1, key: `k${id}`, value: "v" }),
  );
  await fio.enviar(puts.map((put) => JSON.stringify(put)).join("\n") + "\n");
  for (let n = 0; n < puts.length; n++) await fio.receber();
  await pagina.ate(`document.getElementById("cartao-s1").querySelector(".outras").textContent
    .startsWith("e mais")`);
  const maior = await pagina.avaliar<number>("window.maiorQuadro");
  assert(maior < 1_500, `A página esteve ${Math.round(maior)} ms sem desenhar`);
  assert(await pagina.avaliar<number>(`document.querySelectorAll("*").length`) < 3_000);
  await pagina.ate(
    `document.querySelector("#diagrama .mais text")?.textContent.includes("e mais")`,
  );
});

testar("nada sai da página em três larguras, claras e escuras", async ({ pagina }) => {
  await pagina.clicar("#put-x");
  await pagina.ate(`${CONFIRMADAS} === 3`);
  for (const [largura, altura] of [[1280, 720], [390, 844], [1920, 1080]] as const) {
    for (const escuro of [false, true]) {
      await pagina.ver({ largura, altura, escuro });
      await pagina.ate(`document.documentElement.scrollWidth <= innerWidth`);
      assert((await pagina.retratar()).length > 10_000);
    }
  }
});

/** Um rastro de um servidor e um cliente: um PUT e um GET, um segundo depois. */
function rastroDeUmaConversa(): string {
  const [servidor, cliente] = ["127.0.0.1:10097", "127.0.0.1:50312"];
  const conversa = [
    [0, cliente, { tipo: "PUT", id: 1, key: "cor", value: "azul" }],
    [10, servidor, { tipo: "PUT_OK", id: 1, key: "cor", timestamp: 1 }],
    [1000, cliente, { tipo: "GET", id: 2, key: "cor", timestamp: 1 }],
    [1010, servidor, { tipo: "GET_OK", id: 2, key: "cor", value: "azul", timestamp: 1 }],
  ] as const;
  const linhas = conversa.flatMap(([quando, de, mensagem]) => {
    const para = de === servidor ? cliente : servidor;
    const quem = (ponta: string) => ponta === servidor ? servidor : "cliente 7";
    return [
      { quando, quem: quem(de), local: de, remoto: para, sentido: "enviou", mensagem },
      {
        quando: quando + 5,
        quem: quem(para),
        local: para,
        remoto: de,
        sentido: "recebeu",
        mensagem,
      },
    ];
  });
  return linhas.map((linha) => JSON.stringify(linha) + "\n").join("");
}

const QUANTAS = `document.querySelectorAll("#diagrama .seta").length`;

/** O painel de uma conversa gravada; o arquivo, lido ao começar, já pode ir-se. */
async function reverConversa() {
  const pasta = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${pasta}/r`, rastroDeUmaConversa());
    return await abrirRastros([`${pasta}/r`], { gravada: true });
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
}

testar("uma corrida gravada revê-se para a frente e para trás, sem comandos", async (aula) => {
  const { pagina } = aula;
  assertEquals(await pagina.avaliar(`document.querySelector("aside").offsetHeight`), 0);
  await pagina.clicar("#tocar-frente");
  await pagina.ate(`${QUANTAS} === 4`);
  await pagina.clicar("#tocar-tras");
  await pagina.ate(`${QUANTAS} === 1`);
  for (let n = 2; n <= 4; n++) {
    await pagina.clicar("#depois");
    await pagina.ate(`${QUANTAS} === ${n}`);
  }
  await pagina.clicar("#antes");
  await pagina.ate(`${QUANTAS} === 3`);
}, { comecar: reverConversa, pronta: `${QUANTAS} > 0` });
